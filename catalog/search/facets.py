"""Facets: how many of the entries that a query finds carry each value, counted by the database in one pass.

Counted are the 10,000 most downloaded at most. What nobody filtered was counted before (:mod:`catalog.search.totals`).
"""

from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q, QuerySet

from catalog.access.models import Grant
from catalog.accounts.querysets import Actor, is_staff, namespaces_of
from catalog.compiled import CompiledQuery
from catalog.counting import remembered
from catalog.search.fields import Among
from catalog.search.grouping import ALL, BANDS, FACETS, Counts, counted
from catalog.search.hits import BY_DOWNLOADS, Hits
from catalog.search.models import SearchEntry
from catalog.search.query import NUMBER_FILTERS, SearchQuery
from catalog.search.totals import totals
from catalog.search.wanted import seen_by

FACET_LIMIT = 10_000
MOST_LISTED = 1000
_MOST_VALUES = 40
_EVERYTHING = SearchQuery(sort="")


@dataclass(frozen=True)
class FacetValue:
    """One value of a facet and how many entries carry it; a range is ``low..high``, as filters write it."""

    value: str
    count: int


@dataclass(frozen=True)
class Facets:
    """Counts over the entries that a query finds."""

    base: list[FacetValue] = field(default_factory=list)
    architecture: list[FacetValue] = field(default_factory=list)
    method: list[FacetValue] = field(default_factory=list)
    task: list[FacetValue] = field(default_factory=list)
    language: list[FacetValue] = field(default_factory=list)
    rank: list[FacetValue] = field(default_factory=list)
    license: list[FacetValue] = field(default_factory=list)
    size: list[FacetValue] = field(default_factory=list)
    gain: list[FacetValue] = field(default_factory=list)
    namespace: list[FacetValue] = field(default_factory=list)
    is_exact: bool = True
    """False when only the most downloaded entries were counted, as there are more than ``FACET_LIMIT``."""


def facets(query: SearchQuery, viewer: Actor, *, most: int = 12) -> Facets:
    """Counts per value, most frequent first; each facet leaves out its own filter, to show what else there is.

    Counted are at most the ``FACET_LIMIT`` most downloaded entries that the query finds.

    Raises:
        InvalidInput: a filter that nobody knows.
    """
    broader: dict[SearchQuery, list[str]] = {}
    for facet in FACETS:
        broader.setdefault(replace(query, sort="", **_without(facet)), []).append(facet)
    found: dict[str, list[FacetValue]] = {}
    is_exact = True
    for asked, names in broader.items():
        counts, is_all = _remembered(asked, viewer, tuple(names))
        found |= {name: [FacetValue(value, count) for value, count in counts.get(name, [])[:most]] for name in names}
        is_exact &= is_all
    return Facets(**found, is_exact=is_exact)


def values_of(facet: str, viewer: Actor) -> tuple[list[FacetValue], bool]:
    """Every value of one facet in what ``viewer`` may see, ``MOST_LISTED`` at most, the most frequent first.

    Also whether all entries were counted: there may be more than ``FACET_LIMIT``.
    """
    key = ("values", facet, viewer.pk)
    counts, is_exact = remembered(key, lambda: _everything(viewer, (facet,), MOST_LISTED), lambda done: not done[1])
    return [FacetValue(value, count) for value, count in counts.get(facet, [])[:MOST_LISTED]], is_exact


def _without(facet: str) -> dict[str, Any]:
    return {f"{facet}_min": None, f"{facet}_max": None} if facet in NUMBER_FILTERS else {facet: ""}


def _remembered(query: SearchQuery, viewer: Actor, names: tuple[str, ...]) -> tuple[Counts, bool]:
    """The counts, and whether they are of all that there is."""
    key = ("facets", query, names, viewer.pk)
    return remembered(key, lambda: _count(query, viewer, names), lambda counted: not counted[1])


def _count(query: SearchQuery, viewer: Actor, names: tuple[str, ...]) -> tuple[Counts, bool]:
    if query == _EVERYTHING:
        return _everything(viewer, names, _MOST_VALUES)
    hits = Hits(query, viewer)
    if hits.is_rich and hits.is_indexed and not hits.is_empty:
        return _counted(hits.rows(), names)
    if hits.found is None and hits.terms.required:
        popular = Among("pk", hits.popular(FACET_LIMIT + 1))
        return _counted(SearchEntry.objects.filter(popular).order_by(*BY_DOWNLOADS), names)
    return _counted(hits.entries().order_by(*BY_DOWNLOADS), names)


def _everything(viewer: Actor, names: tuple[str, ...], most: int) -> tuple[Counts, bool]:
    if (known := totals(most, names)) is not None:
        return _with_the_hidden(known, viewer, names, most)
    return _counted(Hits(_EVERYTHING, viewer).entries().order_by(*BY_DOWNLOADS), names, most)


def _counted(entries: QuerySet[Any], names: tuple[str, ...], most: int = _MOST_VALUES) -> tuple[Counts, bool]:
    """Of the first in their order, and whether those are all."""
    counts = counted(entries, names, most=most, limit=FACET_LIMIT)
    return counts, counts.get(ALL, [("", 0)])[0][1] <= FACET_LIMIT


def _with_the_hidden(known: Counts, viewer: Actor, names: tuple[str, ...], most: int) -> tuple[Counts, bool]:
    """What everybody sees was counted before; what ``viewer`` sees beside it is counted now."""
    seen = SearchEntry.objects.filter(*seen_by(viewer))
    more = [seen.filter(is_derived=True)] if _any_derived.rows(None) else []
    if viewer.is_authenticated:
        private = seen.filter(is_derived=False, is_public=False)
        more.append(private if is_staff(viewer) else private.filter(_own(viewer)))
    # The order of the indexes that have those few.
    found = [_counted(entries.order_by("-downloads"), names, most) for entries in more]
    counts = {facet: _merged(facet, [known, *(counts for counts, _ in found)]) for facet in names}
    return counts, all(is_exact for _, is_exact in found)


_any_derived = CompiledQuery(lambda stand_ins, _: SearchEntry.objects.filter(is_derived=True).values_list("pk")[:1])


def _own(viewer: Actor) -> Q:
    """Where anything private must be that a member sees: written as numbers, so that an index finds those few."""
    spaces = namespaces_of(viewer).values_list("namespace_id", flat=True)
    granted = Grant.objects.for_actor(viewer).values_list("adapter_id", flat=True)
    return Q(namespace__in=list(spaces)) | Q(adapter__in=list(granted))


def _merged(facet: str, counts: list[Counts]) -> list[tuple[str, int]]:
    summed: dict[str, int] = {}
    for each in counts:
        for value, count in each.get(facet, []):
            summed[value] = summed.get(value, 0) + count
    if bands := BANDS.get(facet):
        return [(band, summed[band]) for band in bands if band in summed]
    return sorted(summed.items(), key=lambda row: (-row[1], row[0]))
