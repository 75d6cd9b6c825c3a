"""The search language: text into a SearchQuery, and back.

    base:llama-3 method:lora,dora rank:<=16 -lang:en task:ner "court decisions"

The one place that knows how a query is typed. docs/SEARCH.md explains it to people.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NoReturn

from catalog.errors import InvalidInput
from catalog.search.canonical import canonical
from catalog.search.lexing import Token, Value, plain_word, tokens_of
from catalog.search.numbers import span_of
from catalog.search.query import ANY_OF, MARKS, SearchQuery
from catalog.search.query_builder import QueryBuilder
from catalog.search.vocabulary import (
    COMPARABLE,
    FLAG,
    SHARE,
    SORT,
    SORTS_BY_NAME,
    Filter,
    comparable_names,
    filters_by_name,
)


def parse(text: str) -> SearchQuery:
    """What ``text`` asks for.

    Raises:
        InvalidInput: ``invalid_query``; ``token`` and ``position`` say which word is at fault, ``nearest`` what may
            have been meant, ``known`` what there is.
    """
    return parsed(text).query()


def parsed(text: str) -> QueryBuilder:
    """The same, with room for more conditions. Raises as :func:`parse`."""
    built = QueryBuilder()
    is_negated = False
    for token in tokens_of(text, comparable=comparable_names()):
        if token.source == "NOT":
            is_negated = True
            continue
        if is_negated:
            token, is_negated = replace(token, is_negated=not token.is_negated), False
        _add(built, token)
    return built


def _add(built: QueryBuilder, token: Token) -> None:
    if not token.name:
        _add_words(built, token)
        return
    filter_ = filters_by_name().get(token.name)
    if filter_ is None:
        _unknown_filter(token)
    values = [value.text for value in token.values]
    if not any(values):
        _refuse(token, f"{token.source!r} has no value", hint=f"For example {filter_.example}.")
    if filter_.kind in COMPARABLE:
        _add_number(built, token, filter_)
    elif filter_.kind == FLAG:
        for value in values:
            built.mark(_one_of(token, value, MARKS), token.is_negated)
    elif filter_.kind == SORT:
        _add_sort(built, token)
    elif filter_.field == "fits":
        for value in values:
            built.fits(value, token.is_negated)
    else:
        built.word(filter_.field, ANY_OF.join(canonical(filter_.field, value) for value in values), token.is_negated)


def _add_words(built: QueryBuilder, token: Token) -> None:
    value = token.values[0]
    if value.is_quoted:
        built.phrase(value.text, token.is_negated)
    elif value.text == "OR":
        _refuse(
            token,
            "OR is not understood",
            hint='Name several values of one filter: method:lora,dora. "OR" in quotes is a word.',
        )
    elif value.text != "AND" and (word := plain_word(value.text)):
        built.text(word, token.is_negated)


def _add_number(built: QueryBuilder, token: Token, filter_: Filter) -> None:
    for value in token.values:
        evaluation_set, typed = _set_and_bound(value) if filter_.name == "score" else ("", value.text)
        if evaluation_set:
            built.score_on(evaluation_set)
        if not typed:
            continue
        span = span_of(typed, filter_.kind)
        if span is None:
            _refuse(
                token, f"{filter_.name} takes {_kind_of_number(filter_)}, received {typed!r}", hint=_examples(filter_)
            )
        if len(token.values) > 1:
            _refuse(token, f"{filter_.name} takes one number or one range", hint=f"For example {filter_.name}:4..16.")
        left = built.bound(filter_.field, span, token.is_negated)
        is_below_zero = filter_.kind != SHARE and left.high is not None and left.high < 0
        if span.is_empty or left.is_empty or is_below_zero:
            _refuse(
                token, f"no {filter_.name} can be that", hint=f"Nothing lies between its bounds. {_examples(filter_)}"
            )


def _set_and_bound(value: Value) -> tuple[str, str]:
    """``team/films>=0.9`` as the set and the bound; a plain number has no set."""
    at = next((place for place, sign in enumerate(value.text) if sign in "<>="), len(value.text))
    name = value.text[:at].rstrip(":")
    return (name, value.text[at:]) if "/" in name else ("", value.text)


def _add_sort(built: QueryBuilder, token: Token) -> None:
    name, _, evaluation_set = token.values[0].text.partition(":")
    if token.is_negated or len(token.values) > 1:
        _refuse(token, "sort takes one order", hint="For example sort:newest.")
    built.sort(SORTS_BY_NAME[_one_of(token, name, tuple(SORTS_BY_NAME))])
    if evaluation_set:
        built.score_on(evaluation_set)


def _one_of(token: Token, value: str, known: Sequence[str]) -> str:
    folded = value.casefold()
    if folded in known:
        return folded
    shown = [name for name in known if name not in SORTS_BY_NAME or SORTS_BY_NAME[name] == name]
    nearest = _nearest(folded, known)
    _refuse(
        token,
        f"{token.name} does not know {value!r}",
        hint=f"Did you mean {token.name}:{nearest}? " * bool(nearest) + f"Known are {', '.join(shown)}.",
        nearest=f"{token.name}:{nearest}" if nearest else "",
        known=shown,
    )


def _unknown_filter(token: Token) -> NoReturn:
    known = [filter_.name for filter_ in dict.fromkeys(filters_by_name().values())]
    close = _nearest(token.name, filters_by_name())
    name = filters_by_name()[close].name if close else ""
    meant = token.source.replace(token.source.lstrip("-")[: len(token.name)], name, 1) if name else ""
    _refuse(
        token,
        f"there is no filter {token.name!r}",
        hint=f"Did you mean {meant}? " * bool(meant)
        + f"Known are {', '.join(known)}. In quotes it is searched for as a word.",
        nearest=meant,
        known=known,
    )


def _nearest(word: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), "")


def _kind_of_number(filter_: Filter) -> str:
    return {"size": "a size", "share": "a share"}.get(filter_.kind, "a whole number")


def _examples(filter_: Filter) -> str:
    ranges = {"size": "1MB..20MB", "share": "0.8..0.95"}.get(filter_.kind, "4..16")
    return f"For example {filter_.example} or {filter_.name}:{ranges}."


def _refuse(token: Token, detail: str, *, hint: str, **more: object) -> NoReturn:
    raise InvalidInput("invalid_query", detail, field="q", hint=hint, token=token.source, position=token.start, **more)
