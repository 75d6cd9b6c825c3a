"""Languages: BCP-47 tags, checked and put in their usual form."""

from functools import lru_cache

import langcodes
from django.conf.locale import LANG_INFO

from catalog.errors import InvalidInput
from catalog.taxonomy.tables import toml_of


def language_tag(text: str) -> str:
    """``text`` as a canonical BCP-47 tag: ``EN-us`` becomes ``en-US``. Raises InvalidInput ``invalid_language``."""
    text = text.strip()
    try:
        if text and langcodes.tag_is_valid(text):
            return str(langcodes.standardize_tag(text))
    except ValueError:
        pass
    raise InvalidInput(
        "invalid_language",
        f"{text[:40]!r} is not a language tag",
        field="languages",
        hint="Use BCP-47 tags, such as de, pt-BR or zh-Hans.",
    )


@lru_cache(maxsize=1)
def all_languages() -> dict[str, str]:
    """Tag to English name, for every language with a name here."""
    return dict(toml_of("languages.toml")["names"])


def language_name(tag: str) -> str:
    """The language's English name: ``de-CH`` is ``German (Switzerland)``; a tag without a name here stays as it is."""
    first, *rest = tag.split("-")
    name = all_languages().get(first)
    if name is None:
        return tag
    parts = toml_of("languages.toml")["parts"]
    return f"{name} ({', '.join(parts.get(part, part) for part in rest)})" if rest else name


def own_name(tag: str) -> str:
    """What the language calls itself: ``de`` is ``Deutsch``; empty where that is not known here."""
    known = LANG_INFO.get(tag.lower()) or LANG_INFO.get(tag.split("-")[0]) or {}
    return str(known.get("name_local", ""))


def find_language(text: str) -> str:
    """The tag that ``text`` means: a tag in any spelling, an English name, or what it calls itself; else empty.

    ``zh_yue`` is ``yue``, ``German`` and ``Deutsch`` are ``de``.
    """
    word = " ".join(text.replace("_", "-").split())[:60]
    named = _words().get(word.casefold())
    if named:
        return named
    try:
        return _shortest(language_tag(word))
    except InvalidInput:
        return ""


@lru_cache(maxsize=1)
def _words() -> dict[str, str]:
    own = {own_name(tag).casefold(): tag for tag in all_languages() if own_name(tag)}
    also = {name.casefold(): tag for name, tag in toml_of("languages.toml")["also"].items()}
    return own | also | {name.casefold(): tag for tag, name in all_languages().items()}


def _shortest(tag: str) -> str:
    """Chinese with an extended language is that language: ``zh-yue`` is ``yue``."""
    first, _, rest = tag.partition("-")
    head, _, tail = rest.partition("-")
    is_extended = len(head) == 3 and head.isalpha() and langcodes.tag_is_valid(head)
    return f"{head}-{tail}".rstrip("-") if first in ("zh", "ar", "ms") and is_extended else tag
