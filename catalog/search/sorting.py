"""How results are sorted: which keys, and what a cursor of each sorting holds."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from catalog.errors import InvalidInput
from catalog.search.conditions import scored_on
from catalog.search.fields import Among
from catalog.search.hits import MOST_HITS, Hits
from catalog.search.listed import Listed
from catalog.search.models import SearchEntry, SearchTerms
from catalog.search.questions import listed, merit_of, rows_of
from catalog.search.terms import Atom, Terms, words_asked

MOST_RANKED = 1_000
"""So many of the most downloaded hits are sorted by relevance; nobody ranks a third of the catalog."""
SORTS = {
    "downloads": ("-downloads", "-id"),
    "newest": ("-published_at", "-id"),
    "name": ("full_name",),
    "score": ("-merit", "-id"),
    "relevance": ("-merit", "-downloads", "-id"),
}
_COLLECTED = (SORTS["downloads"], SORTS["newest"])


@dataclass(frozen=True)
class Sorted:
    """How the pages of a list are read, and in which order; ``entries`` with the column ``merit`` where it decides."""

    hits: Hits
    order: tuple[str, ...]
    entries: QuerySet[SearchEntry] | None = None

    def page(self, key: list[Any] | None, most: int) -> list[Listed]:
        """At most so many after ``key``, which is of the last row before (None: from the first)."""
        if self.entries is not None:
            return listed(self.entries, self.order, key, most)
        hits = self.hits
        if key is None and hits.is_by_index and self.order == SORTS["downloads"]:
            return rows_of(hits.most_downloaded_ids(most), hits.viewer)
        ids = hits.first if self.order in _COLLECTED else None
        if ids is not None and (key is None or key[-1] in ids):
            start = 0 if key is None else ids.index(key[-1]) + 1
            if start + most <= len(ids) or len(ids) <= MOST_HITS:
                return rows_of(ids[start : start + most], hits.viewer)
        if hits.found is not None:
            return listed(hits.entries().annotate(merit=merit_of(self.order)), self.order, key, most)
        if key is None and hits.is_seldom_met and self.order == SORTS["downloads"]:
            return rows_of(hits.popular(most), hits.viewer)
        return hits.asking.page(self.order, key, most)


def order_of(sort: str) -> tuple[str, ...]:
    """The keys of a sorting, the last one unique. Raises InvalidInput for an unknown one."""
    if sort not in SORTS:
        raise InvalidInput(detail=f"unknown sort {sort[:40]!r}", field="sort", hint=f"One of {', '.join(SORTS)}.")
    return SORTS[sort]


def sorted_hits(hits: Hits) -> Sorted:
    """What was found, as its query wants it sorted. Raises InvalidInput."""
    query = hits.query
    order = order_of(query.sort)
    if query.sort == "score" and query.score_set:
        on_set = hits.entries().filter(scores__evaluation_set=scored_on(query.score_set, hits.viewer))
        return Sorted(hits, order, on_set.annotate(merit=F("scores__merit")))
    asked = words_asked(query)
    if query.sort == "relevance" and asked:
        best = _most_downloaded(hits)
        ranked = SearchEntry.objects.filter(Among("pk", best)) if best else SearchEntry.objects.none()
        return Sorted(hits, order, ranked.annotate(merit=_words_in_head(asked)))
    return Sorted(hits, SORTS["downloads"] if query.sort == "relevance" else order)


def _most_downloaded(hits: Hits) -> list[int]:
    if hits.is_by_index:
        return hits.most_downloaded_ids(MOST_RANKED)
    if hits.found is not None:
        return hits.found[:MOST_RANKED]
    return hits.popular(MOST_RANKED)


def _words_in_head(asked: list[tuple[Atom, ...]]) -> Any:
    """How many of the words stand in the name, the task or the tags."""
    merit: Combinable = Value(0)
    for group in asked:
        rows = SearchTerms.objects.filter(terms__match=Terms((group,), is_head=True))
        # FTS5 asked of one row looks on for the next one that has the word there: all of them are found as soon.
        is_sqlite = connection.vendor == "sqlite"
        has = Q(pk__in=rows.values("pk")) if is_sqlite else Exists(rows.filter(entry=OuterRef("pk")))
        merit = merit + Case(When(has, then=Value(1)), default=Value(0))
    return merit
