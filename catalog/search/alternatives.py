"""For a query that finds nothing: which filter to drop, and what may have been meant."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from catalog.accounts.querysets import Actor
from catalog.search.deadlines import TookTooLong, within
from catalog.search.hits import Hits
from catalog.search.parts import Part, parts_of
from catalog.search.query import ANY_OF, WORD_FILTERS, SearchQuery
from catalog.search.spelling import values_like, words_like

COUNT_LIMIT = 1000
_MILLISECONDS = 200
"""For one count; for all that drop a condition, and again for all that are spelled otherwise, three times as long."""
_MOST_PARTS = 8
_MOST_MEANT = 3
_MOST_TRIED = 8


@dataclass(frozen=True)
class Without:
    """What would be found without one condition."""

    part: Part
    count: int
    is_exact: bool


@dataclass(frozen=True)
class Meant:
    """A query that finds something, with one word spelled otherwise."""

    typed: str
    word: str
    query: SearchQuery


@dataclass(frozen=True)
class Alternatives:
    """Both, the most useful first."""

    without: list[Without]
    meant: list[Meant]


def alternatives(query: SearchQuery, viewer: Actor) -> Alternatives:
    """What to try instead of a ``query`` that finds nothing for ``viewer``.

    Counts go no further than ``COUNT_LIMIT``; what takes longer than a fraction of a second is left out. Raises
    InvalidInput for a filter that nobody knows, as a search does.
    """
    parts = [*_single_words(query), *(part for part in parts_of(query) if part.field != "text")][:_MOST_PARTS]
    until = _soon()
    counted = [(part, count) for part in parts if (count := _count(part.rest, viewer, until))]
    counted.sort(key=lambda row: -row[1])
    without = [Without(part, min(count, COUNT_LIMIT), count <= COUNT_LIMIT) for part, count in counted]
    return Alternatives(without, list(_meant(query, viewer)))


def _single_words(query: SearchQuery) -> Iterator[Part]:
    words = query.text.split()
    for place, word in enumerate(words):
        others = " ".join(words[:place] + words[place + 1 :])
        yield Part("text", word, word, replace(query, text=others))


def _soon() -> float:
    return time.monotonic() + 3 * _MILLISECONDS / 1000


def _count(query: SearchQuery, viewer: Actor, until: float) -> int | None:
    """How many it finds, one more than the limit at most; None where that takes too long to say."""
    left = round((until - time.monotonic()) * 1000)
    if left <= 0 or query == replace(SearchQuery(), sort=query.sort):
        return None
    try:
        with within(min(left, _MILLISECONDS)):
            return Hits(query, viewer).count(COUNT_LIMIT)
    except TookTooLong:
        return None


def _meant(query: SearchQuery, viewer: Actor) -> Iterator[Meant]:
    """Those of the likely spellings that find something."""
    given, until = 0, _soon()
    for tried, one in enumerate(_respelled(query)):
        if given == _MOST_MEANT or tried == _MOST_TRIED:
            return
        if _count(one.query, viewer, until):
            given += 1
            yield one


def _respelled(query: SearchQuery) -> Iterator[Meant]:
    for field in (*WORD_FILTERS, "fits"):
        values = str(getattr(query, field)).split(ANY_OF) if getattr(query, field) else []
        for place, value in enumerate(values):
            for like in values_like("base" if field == "fits" else field, value) if field != "namespace" else []:
                changed = ANY_OF.join([*values[:place], like, *values[place + 1 :]])
                yield Meant(value, like, replace(query, **_changed(field, changed)))
    words = query.text.split()
    for place, word in enumerate(words):
        for like in words_like(word):
            text = " ".join([*words[:place], like, *words[place + 1 :]])
            yield Meant(word, like, replace(query, text=text))
    for place, phrase in enumerate(query.phrases):
        others = query.phrases[:place] + query.phrases[place + 1 :]
        loose = replace(query, phrases=others, text=f"{query.text} {phrase}".strip())
        yield Meant(f'"{phrase}"', phrase, loose)


def _changed(field: str, value: str) -> dict[str, Any]:
    return {field: value}
