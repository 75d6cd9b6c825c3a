"""The most downloaded of many hits, without looking at all of them."""

import json
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from catalog.search.hits import Hits, ids_of
from catalog.search.models import FacetCount, SearchTerms

_MARGIN = 1.5


def most_downloaded(hits: Hits, most: int) -> list[int]:
    """Ids of the ``most`` most downloaded entries that the index knows; on PostgreSQL by magnitude of downloads."""
    rows = hits.in_index()
    if connection.vendor != "postgresql":
        return ids_of(rows.order_by("-entry__downloads", "-pk"), most)
    rows = rows.order_by("-weight", "-pk")
    floor = _floor(rows, most)
    if floor:
        found = ids_of(rows.filter(weight__gte=floor), most)
        if len(found) == most:
            return found
    return ids_of(rows, most)


def _floor(rows: QuerySet[SearchTerms], most: int) -> int:
    """A weight above which there are hits enough, by the planner's estimate and the counts of each weight; else 0."""
    counts = FacetCount.objects.filter(facet="weight").values_list("value", "count")
    weights = sorted(((int(value), count) for value, count in counts), reverse=True)
    wanted = sum(count for _, count in weights) * most * _MARGIN / max(_estimate(rows), 1)
    reached = 0
    for weight, count in weights:
        reached += count
        if reached >= wanted:
            return weight
    return 0


def _estimate(rows: QuerySet[SearchTerms]) -> int:
    plan: Any = json.loads(rows.order_by().explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])
