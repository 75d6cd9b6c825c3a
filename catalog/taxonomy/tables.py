"""The data files of this folder as rows, found by id or by any other word for the same thing."""

import re
import tomllib
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

_PLACE = Path(__file__).parent


class Word(Protocol):
    """A row that people name by its id, its label or an alias."""

    @property
    def id(self) -> str:
        """Its stable id."""

    @property
    def label(self) -> str:
        """How it is called on a page."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other words for it."""


AnyWord = TypeVar("AnyWord", bound=Word)


def plain_word(text: str) -> str:
    """The form in which words are compared: folded, one hyphen between parts: ``Text_Classification"`` is
    ``text-classification``."""
    return re.sub(r"[^\w+@.]+|_+", "-", text.casefold().strip()).strip("-")


def rows_of(file: str, kind: str, make: Callable[..., AnyWord]) -> tuple[AnyWord, ...]:
    """Every row of a data file, in its order."""
    found: list[dict[str, Any]] = toml_of(file)[kind]
    return tuple(make(**{key: _frozen(value) for key, value in row.items()}) for row in found)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def by_word(rows: Iterable[AnyWord]) -> dict[str, AnyWord]:
    """Each row under its id, its label and its aliases; an id wins over another row's alias."""
    listed = list(rows)
    found: dict[str, AnyWord] = {}
    for row in listed:
        for word in (*row.aliases, row.label):
            found.setdefault(plain_word(word), row)
    return {**found, **{plain_word(row.id): row for row in listed}}


@lru_cache(maxsize=8)
def toml_of(file: str) -> dict[str, Any]:
    """A data file as it is; nobody changes what is returned."""
    return tomllib.loads((_PLACE / file).read_text("utf-8"))
