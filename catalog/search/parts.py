"""The conditions of a query one by one: each as somebody would type it, and the query without it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from catalog.search.query import NUMBER_FILTERS, WORD_FILTERS, SearchQuery, Term
from catalog.search.writing import bounds_of, list_of, name_of, span_of_term, value_of, word_of


@dataclass(frozen=True)
class Part:
    """One condition: ``field`` of the query that holds it, ``value`` without the filter's name, the rest."""

    field: str
    text: str
    value: str
    rest: SearchQuery
    is_negated: bool = False


def parts_of(query: SearchQuery) -> list[Part]:
    """Every condition of ``query``: filters, then words together, then phrases. The order of what is found is none."""
    return [*_filters(query), *_marks(query), *_more(query), *_words(query)]


def _filters(query: SearchQuery) -> Iterator[Part]:
    for field in (*WORD_FILTERS, "fits"):
        if value := getattr(query, field):
            text = f"{name_of(field)}:{list_of(value)}"
            yield Part(field, text, value, replace(query, **_changed(field, "")))
    for field in NUMBER_FILTERS:
        none: dict[str, Any] = {f"{field}_min": None, f"{field}_max": None}
        if field == "score":
            none |= {"score_set": "", "sort": "downloads" if query.score_set else query.sort}
        if written := bounds_of(query, field):
            value = " ".join(text.split(":", 1)[1] for text in written)
            yield Part(field, " ".join(written), value, replace(query, **none))


def _marks(query: SearchQuery) -> Iterator[Part]:
    for mark in query.marks:
        rest = replace(query, marks=tuple(other for other in query.marks if other != mark))
        yield Part("marks", f"is:{mark}", mark, rest)


def _more(query: SearchQuery) -> Iterator[Part]:
    for term in query.more:
        rest = replace(query, more=tuple(other for other in query.more if other != term))
        field = "marks" if term.name == "is" else term.name
        value = span_of_term(term) if term.name in NUMBER_FILTERS else term.value
        yield Part(field, _written(term), value, rest, term.is_negated)


def _words(query: SearchQuery) -> Iterator[Part]:
    if query.text:
        text = " ".join(word_of(word) for word in query.text.split())
        yield Part("text", text, query.text, replace(query, text=""))
    for phrase in query.phrases:
        rest = replace(query, phrases=tuple(other for other in query.phrases if other != phrase))
        yield Part("phrases", f'"{phrase}"', phrase, rest)


def _written(term: Term) -> str:
    sign = "-" if term.is_negated else ""
    if term.name == "text":
        return sign + word_of(term.value)
    if term.name == "phrase":
        return f'{sign}"{term.value}"'
    value = span_of_term(term) if term.name in NUMBER_FILTERS else list_of(term.value)
    return f"{sign}{name_of(term.name)}:{value}"


def _changed(field: str, value: Any) -> dict[str, Any]:
    return {field: value}


def written(query: SearchQuery) -> str:
    """``query`` as somebody would type it; reading it gives the same query."""
    usual = "score" if query.score_set else SearchQuery().sort
    order = [] if query.sort == usual else [f"sort:{value_of(query.sort)}"]
    return " ".join([part.text for part in parts_of(query)] + order)
