"""The training text: every translated message that Django ships inside its own wheel, read from compiled catalogs."""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

MIN_CHARACTERS = 12
ENGLISH = "en"
PLACEHOLDER = "#"

_MO_MAGIC = 0x950412DE
_CONTEXT_END = "\x04"
_PLURAL_END = "\x00"
_PLACEHOLDERS = re.compile(r"%\(\w+\)[a-zA-Z]?|%[sdir]|\{\w*\}|\{\{\s*\w+\s*\}\}")
_MARKUP = re.compile(r"<[^>]{1,80}>|&\w+;")
_SPACES = re.compile(r"\s+")


class CatalogFormatError(ValueError):
    """A file that should be a compiled gettext catalog is not one."""


@dataclass(frozen=True, order=True)
class Message:
    """One message in one language; `message_id` is the English source text, `part` the Django app it belongs to."""

    message_id: str
    locale: str
    part: str
    text: str


def read_catalog(path: Path) -> dict[str, str]:
    """Read a little-endian GNU `.mo` file as {source: translation}, first plural form only, contexts dropped.

    Layout: the GNU gettext manual, "The Format of GNU MO Files". Raises CatalogFormatError.
    """
    data = path.read_bytes()
    try:
        magic, _, count, sources_at, translations_at = struct.unpack_from("<5I", data)
        if magic != _MO_MAGIC:
            raise CatalogFormatError(f"{path.name}: received magic number {magic:#x}, expected {_MO_MAGIC:#x}.")
        sources = [_string_at(data, sources_at + 8 * index) for index in range(count)]
        translations = [_string_at(data, translations_at + 8 * index) for index in range(count)]
    except struct.error as error:
        raise CatalogFormatError(f"{path.name} ends early: {error}.") from error
    pairs = zip(sources, translations, strict=True)
    return {source.rpartition(_CONTEXT_END)[2]: text for source, text in pairs if source}


def _string_at(data: bytes, entry_at: int) -> str:
    length, offset = struct.unpack_from("<2I", data, entry_at)
    return data[offset : offset + length].decode().split(_PLURAL_END)[0]


def normalise(text: str) -> str:
    """Replace placeholders and markup, which are English in every language and would give a label away."""
    text = _PLACEHOLDERS.sub(PLACEHOLDER, _MARKUP.sub(" ", text))
    return _SPACES.sub(" ", text).strip()


def django_root() -> Path:
    """The folder of the installed Django package."""
    spec = find_spec("django")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("Django is not installed; its translations are the training text.")
    return Path(spec.origin).parent


@cache
def django_messages(locale: str) -> tuple[Message, ...]:
    """All distinct messages of `locale`, 12 characters or longer; for "en", the source texts of all languages."""
    paths = _catalogs("*") if locale == ENGLISH else _catalogs(locale)
    return tuple(sorted(set(_usable(locale, paths))))


def _catalogs(locale: str) -> list[Path]:
    return sorted(django_root().glob(f"**/locale/{locale}/LC_MESSAGES/django.mo"))


def _usable(locale: str, paths: Iterable[Path]) -> Iterator[Message]:
    for path in paths:
        part = _part_of(path)
        for source, translation in read_catalog(path).items():
            is_untranslated = locale != ENGLISH and translation == source
            text = normalise(source if locale == ENGLISH else translation)
            if len(text) >= MIN_CHARACTERS and not is_untranslated:
                yield Message(message_id=source, locale=locale, part=part, text=text)


def _part_of(path: Path) -> str:
    relative = path.relative_to(django_root()).parts
    return relative[1] if relative[0] == "contrib" else "core"
