"""Search: one function behind the page, the API and every other listing, so that they cannot disagree."""

from dataclasses import replace

from django.db.models import QuerySet

from catalog.accounts.querysets import Actor
from catalog.compiled import CompiledQuery
from catalog.counting import bounded, remembered
from catalog.paging import DEFAULT_LIMIT, Page, list_name, page_from
from catalog.search.facets import FACET_LIMIT as FACET_LIMIT
from catalog.search.facets import Facets as Facets
from catalog.search.facets import FacetValue as FacetValue
from catalog.search.facets import facets as facets
from catalog.search.hits import Hits
from catalog.search.listed import Listed
from catalog.search.models import SearchEntry
from catalog.search.query import SearchQuery as SearchQuery
from catalog.search.sorting import SORTS as SORTS
from catalog.search.sorting import sorted_hits


def search(query: SearchQuery, viewer: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Listed]:
    """One keyset page of what ``viewer`` may see.

    Raises:
        InvalidInput: unknown sort, bad limit or ``invalid_cursor``.
    """
    if query.sort == "score" and not query.score_set:
        # What has no score is not in the list.
        query = replace(query, marks=tuple(dict.fromkeys([*query.marks, "measured"])))
    hits = Hits(query, viewer)
    found = sorted_hits(hits)
    is_on_set = query.sort == "score" and bool(query.score_set)

    def find(most: int) -> int:
        return bounded(found.entries, most) if is_on_set and found.entries is not None else hits.count(most)

    def count(most: int) -> int:
        key = (replace(query, sort=""), is_on_set, viewer.pk)
        return remembered(key, lambda: find(most), lambda counted: counted > most)

    return page_from(found.page, count, list_name(SearchEntry, found.order), cursor=cursor, limit=limit)


def matching(query: SearchQuery, viewer: Actor) -> QuerySet[SearchEntry]:
    """Every entry that ``query`` finds and ``viewer`` may see, unsorted. Raises InvalidInput."""
    return Hits(query, viewer).matching()


_downloads = CompiledQuery(
    lambda stand_ins, _: SearchEntry.objects.filter(adapter_id=stand_ins.number("adapter")).values_list("downloads")
)


def downloads_of(adapter_id: int) -> int:
    """Downloads of every version of an adapter, as counted half a minute ago."""
    rows = _downloads.rows(None, adapter=adapter_id)
    return int(rows[0][0]) if rows else 0
