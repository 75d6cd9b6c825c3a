"""Search: one function behind the page, the API and every other listing, so that they cannot disagree."""

from dataclasses import replace
from typing import Any

from django.db.models import QuerySet

from catalog.accounts.querysets import Actor
from catalog.accounts.viewers import kind_of, viewer_like
from catalog.compiled import CompiledQuery, StandIns
from catalog.counting import bounded, remembered
from catalog.paging import DEFAULT_LIMIT, Page, after, list_name, page_from
from catalog.search.facets import FACET_LIMIT as FACET_LIMIT
from catalog.search.facets import Facets as Facets
from catalog.search.facets import FacetValue as FacetValue
from catalog.search.facets import facets as facets
from catalog.search.hits import Hits
from catalog.search.listed import Listed, columns_of
from catalog.search.models import SearchEntry
from catalog.search.query import SearchQuery as SearchQuery
from catalog.search.sorting import NO_MERIT, order_of, sorted_hits
from catalog.search.sorting import SORTS as SORTS


def search(query: SearchQuery, viewer: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Listed]:
    """One keyset page of what ``viewer`` may see.

    Raises:
        InvalidInput: unknown sort, bad limit or ``invalid_cursor``.
    """
    order_of(query.sort)
    unsorted = replace(query, sort="")
    if unsorted == _EVERYTHING and query.sort in _COMPARED:
        return _page_of_everything(query.sort, viewer, cursor=cursor, limit=limit)
    hits = Hits(query, viewer)
    found = sorted_hits(hits)

    def fetch(key: list[Any] | None, most: int) -> list[Listed]:
        return list(map(Listed._make, _page(found.near(key, most), found.order, key, most)))

    # Sorted by score, only what has one is in the list.
    is_part = query.sort == "score"

    def find(most: int) -> int:
        return bounded(found.entries, most) if is_part else hits.count(most)

    def count(most: int) -> int:
        return remembered((unsorted, is_part, viewer.pk), lambda: find(most), lambda counted: counted > most)

    return page_from(fetch, count, list_name(SearchEntry, found.order), cursor=cursor, limit=limit)


def matching(query: SearchQuery, viewer: Actor) -> QuerySet[SearchEntry]:
    """Every entry that ``query`` finds and ``viewer`` may see, unsorted. Raises InvalidInput."""
    return Hits(query, viewer).matching()


def _page_of_everything(sort: str, viewer: Actor, *, cursor: str | None, limit: int) -> Page[Listed]:
    def fetch(key: list[Any] | None, most: int) -> list[Listed]:
        named = {} if key is None else dict(zip(_COMPARED[sort], key, strict=True))
        rows = _everything.rows((kind_of(viewer), sort, key is None, most), viewer=viewer.pk, **named)
        return list(map(Listed._make, rows))

    def count(most: int) -> int:
        return remembered((_EVERYTHING, viewer.pk), lambda: Hits(_EVERYTHING, viewer).count(most), lambda n: n > most)

    return page_from(fetch, count, list_name(SearchEntry, order_of(sort)), cursor=cursor, limit=limit)


def _page(
    found: QuerySet[SearchEntry], order: tuple[str, ...], key: list[Any] | None, most: int
) -> QuerySet[SearchEntry, Any]:
    rows = found if key is None else found.filter(after(SearchEntry, order, key))
    return columns_of(rows.order_by(*order))[:most]


_downloads = CompiledQuery(
    lambda stand_ins, _: SearchEntry.objects.filter(adapter_id=stand_ins.number("adapter")).values_list("downloads")
)


def downloads_of(adapter_id: int) -> int:
    """Downloads of every version of an adapter, as counted half a minute ago."""
    rows = _downloads.rows(None, adapter=adapter_id)
    return int(rows[0][0]) if rows else 0


_EVERYTHING = SearchQuery(sort="")
# Sort keys whose values go into the statement as they are.
_COMPARED = {"downloads": ("downloads", "id"), "name": ("full_name",)}


def _everything_of(stand_ins: StandIns, shape: tuple[str, str, bool, int]) -> QuerySet[SearchEntry, Any]:
    kind, sort, is_first, most = shape
    make = stand_ins.text if sort == "name" else stand_ins.number
    key = None if is_first else [make(name) for name in _COMPARED[sort]]
    found = matching(_EVERYTHING, viewer_like(kind, stand_ins)).annotate(merit=NO_MERIT)
    return _page(found, order_of(sort), key, most)


# The list that everybody opens first, and its next pages.
_everything = CompiledQuery(_everything_of)
