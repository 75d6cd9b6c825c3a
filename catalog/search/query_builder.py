"""Terms of a query, one after the other, gathered into a SearchQuery."""

import math
from dataclasses import replace
from typing import Any

from catalog.search.numbers import Span
from catalog.search.query import ANY_OF, SearchQuery, Term

# An adapter has one of these, so that two of them mean either. Of the others it has several, and two mean both.
_HAS_ONE = frozenset({"base", "architecture", "method", "task", "license", "namespace", "modality"})
_WHOLE = frozenset({"rank", "size"})


class QueryBuilder:
    """Gathers; :meth:`query` gives what was gathered."""

    def __init__(self) -> None:
        self._query = SearchQuery()
        self._words: list[str] = []
        self.is_sorted = False

    def query(self) -> SearchQuery:
        """What was gathered."""
        return replace(self._query, text=" ".join(self._words))

    def text(self, word: str, is_negated: bool = False) -> None:
        """A word that must occur, or must not."""
        if is_negated:
            self._more("text", word, is_negated)
        else:
            self._words.append(word)

    def phrase(self, words: str, is_negated: bool = False) -> None:
        """Words that must follow each other; one alone is a word."""
        if not words:
            return
        if is_negated:
            self._more("phrase", words, is_negated)
        else:
            self._change(phrases=(*self._query.phrases, words))

    def word(self, field: str, value: str, is_negated: bool = False) -> None:
        """A filter by a word; ``value`` may name several of which one is enough."""
        held = str(getattr(self._query, field))
        if is_negated:
            self._more(field, value, is_negated)
        elif not held:
            self._change(**{field: value})
        elif field in _HAS_ONE:
            self._change(**{field: ANY_OF.join(dict.fromkeys([*held.split(ANY_OF), *value.split(ANY_OF)]))})
        elif value != held:
            self._more(field, value, is_negated)

    def fits(self, base: str, is_negated: bool = False) -> None:
        """A base model that it must fit, or must not."""
        if is_negated or (self._query.fits and self._query.fits != base):
            self._more("fits", base, is_negated)
        else:
            self._change(fits=base)

    def mark(self, name: str, is_negated: bool = False) -> None:
        """A state that it must have, or must not."""
        if is_negated:
            self._more("is", name, is_negated)
        elif name not in self._query.marks:
            self._change(marks=(*self._query.marks, name))

    def bound(self, field: str, span: Span, is_negated: bool = False) -> Span:
        """A range; several of one filter must all hold. Returns what they leave."""
        if is_negated:
            low, high = _closed(field, span)
            ends = ["" if end is None else repr(end) for end in (low, high)]
            self._more(field, "..".join(ends), is_negated)
            return Span(low, high)
        low, high = _closed(field, span)
        held = Span(getattr(self._query, f"{field}_min"), getattr(self._query, f"{field}_max"))
        met = Span(low, high).meet(held)
        self._change(**{f"{field}_min": met.low, f"{field}_max": met.high})
        return met

    def score_on(self, evaluation_set: str) -> None:
        """Scores are those on this evaluation set, and sort what is found where no order was asked for."""
        self._change(score_set=evaluation_set)
        if not self.is_sorted:
            self._change(sort="score")

    def sort(self, order: str) -> None:
        """The order of what is found."""
        self.is_sorted = True
        self._change(sort=order)

    def _more(self, name: str, value: str, is_negated: bool) -> None:
        term = Term(name, value, is_negated)
        if term not in self._query.more:
            self._change(more=(*self._query.more, term))

    def _change(self, **fields: Any) -> None:
        self._query = replace(self._query, **fields)


def _closed(field: str, span: Span) -> tuple[Any, Any]:
    """The bounds with their ends included: the next number that can be."""
    low: Any = span.low
    high: Any = span.high
    if field in _WHOLE:
        low = None if low is None else int(low) + span.is_low_open
        return low, None if high is None else int(high) - span.is_high_open
    low = math.nextafter(low, math.inf) if low is not None and span.is_low_open else low
    return low, math.nextafter(high, -math.inf) if high is not None and span.is_high_open else high
