"""How results are sorted: which keys, and what a cursor of each sorting holds."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from catalog.errors import InvalidInput
from catalog.search.conditions import scored_on
from catalog.search.fields import Among
from catalog.search.hits import Hits, ids_of
from catalog.search.models import SearchEntry, SearchTerms
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
NO_MERIT = Value(None, FloatField())


@dataclass(frozen=True)
class Sorted:
    """Entries with the column ``merit``, and the order that makes pages of them; their ids in it where known."""

    entries: QuerySet[SearchEntry]
    order: tuple[str, ...]
    ids: list[int] | None = None

    def near(self, key: list[Any] | None, most: int) -> QuerySet[SearchEntry]:
        """Entries among which are the first ``most`` after ``key``, which is of the last row before."""
        if self.ids is None or (key is not None and key[-1] not in self.ids):
            return self.entries
        start = 0 if key is None else self.ids.index(key[-1]) + 1
        return self.entries.filter(Among("pk", self.ids[start : start + most]))


def order_of(sort: str) -> tuple[str, ...]:
    """The keys of a sorting, the last one unique. Raises InvalidInput for an unknown one."""
    if sort not in SORTS:
        raise InvalidInput(detail=f"unknown sort {sort[:40]!r}", field="sort", hint=f"One of {', '.join(SORTS)}.")
    return SORTS[sort]


def sorted_hits(hits: Hits) -> Sorted:
    """What was found, as its query wants it sorted. Raises InvalidInput."""
    query = hits.query
    order = order_of(query.sort)
    entries = hits.entries()
    if query.sort == "score":
        if not query.score_set:
            return Sorted(entries.filter(best_score__isnull=False).annotate(merit=F("best_score")), order)
        on_set = entries.filter(scores__evaluation_set=scored_on(query.score_set, hits.viewer))
        return Sorted(on_set.annotate(merit=F("scores__merit")), order)
    asked = words_asked(query)
    if query.sort == "relevance" and asked:
        best = _most_downloaded(hits, entries)
        ranked = SearchEntry.objects.filter(Among("pk", best)) if best else SearchEntry.objects.none()
        return Sorted(ranked.annotate(merit=_words_in_head(asked)), order)
    order = SORTS["downloads"] if query.sort == "relevance" else order
    is_in_order = hits.is_rich and query.sort != "name"
    return Sorted(entries.annotate(merit=NO_MERIT), order, hits.found if is_in_order else None)


def _most_downloaded(hits: Hits, entries: QuerySet[SearchEntry]) -> list[int]:
    if hits.found is not None:
        return hits.found[:MOST_RANKED] if hits.is_rich else ids_of(entries.order_by(*SORTS["downloads"]), MOST_RANKED)
    sample = ids_of(hits.most_downloaded(), MOST_RANKED)
    return ids_of(hits.by_columns().filter(Among("pk", sample)), MOST_RANKED) if sample else []


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
