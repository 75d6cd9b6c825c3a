"""Search: one function behind the page, the API and every other listing, so that they cannot disagree."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q, QuerySet

from catalog.access.querysets import granted, origins_seen
from catalog.accounts.querysets import Actor, visible_through
from catalog.accounts.viewers import kind_of, viewer_like
from catalog.compiled import CompiledQuery, StandIns
from catalog.counting import believed, bounded, remembered
from catalog.errors import InvalidInput
from catalog.paging import DEFAULT_LIMIT, Page, after, list_name, page_from
from catalog.search.conditions import conditions
from catalog.search.listed import Listed, columns_of
from catalog.search.models import SearchEntry
from catalog.search.query import SearchQuery as SearchQuery

SORTS = {
    "downloads": ("-downloads", "-id"),
    "newest": ("-published_at", "-id"),
    "name": ("full_name",),
}
FACET_LIMIT = 10_000
_MOST_VALUES = 40
_FACET_COLUMNS = {
    "base": "base_model__name",
    "method": "method",
    "task": "task",
    "language": "languages",
    "license": "license",
    "namespace": "namespace__name",
}


@dataclass(frozen=True)
class FacetValue:
    """One value of a facet and how many entries carry it."""

    value: str
    count: int


@dataclass(frozen=True)
class Facets:
    """Counts over the entries that a query finds."""

    base: list[FacetValue] = field(default_factory=list)
    method: list[FacetValue] = field(default_factory=list)
    task: list[FacetValue] = field(default_factory=list)
    language: list[FacetValue] = field(default_factory=list)
    license: list[FacetValue] = field(default_factory=list)
    namespace: list[FacetValue] = field(default_factory=list)
    is_exact: bool = True
    """False when only the most downloaded entries were counted, as there are more than ``FACET_LIMIT``."""


def search(query: SearchQuery, viewer: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Listed]:
    """One keyset page of what ``viewer`` may see.

    Raises:
        InvalidInput: unknown sort, bad limit or ``invalid_cursor``.
    """
    if query.sort not in SORTS:
        raise InvalidInput(detail=f"unknown sort {query.sort!r}", field="sort", hint=f"One of {', '.join(SORTS)}.")
    order = SORTS[query.sort]
    unsorted = replace(query, sort="")

    def fetch(key: list[Any] | None, most: int) -> list[Listed]:
        if unsorted == _EVERYTHING and (key is None or query.sort in _COMPARED):
            named = {} if key is None else dict(zip(_COMPARED[query.sort], key, strict=True))
            rows = _everything.rows((kind_of(viewer), query.sort, key is None, most), viewer=viewer.pk, **named)
        else:
            rows = list(_page(matching(query, viewer), order, key, most))
        return list(map(Listed._make, rows))

    def count(most: int) -> int:
        def find() -> int:
            return bounded(matching(query, viewer), most)

        return remembered((unsorted, viewer.pk), find, lambda found: found > most)

    return page_from(fetch, count, list_name(SearchEntry, order), cursor=cursor, limit=limit)


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
    return _page(matching(_EVERYTHING, viewer_like(kind, stand_ins)), SORTS[sort], key, most)


# The list that everybody opens first, and its next pages.
_everything = CompiledQuery(_everything_of)


def matching(query: SearchQuery, viewer: Actor) -> QuerySet[SearchEntry]:
    """Every entry that ``query`` finds and ``viewer`` may see, unsorted."""
    seen = visible_through(viewer, "namespace", Q(is_public=True) | granted(viewer, "adapter_id"))
    found = SearchEntry.objects.filter(seen, origins_seen(viewer, "revision_id", is_derived="is_derived"))
    return found.filter(*conditions(query, viewer))


def facets(query: SearchQuery, viewer: Actor, *, most: int = 12) -> Facets:
    """Counts per value, most frequent first; each facet leaves out its own filter, to show what else there is.

    Counted are at most the ``FACET_LIMIT`` most downloaded entries that the query finds.
    """
    counted: dict[SearchQuery, tuple[dict[str, list[FacetValue]], bool]] = {}
    found: dict[str, Any] = {}
    for facet in _FACET_COLUMNS:
        without: dict[str, Any] = {facet: ""}
        broader = replace(query, **without)
        if broader not in counted:
            counted[broader] = _counted(broader, viewer)
        found[facet] = counted[broader][0][facet][:most]
    return Facets(**found, is_exact=all(is_exact for _, is_exact in counted.values()))


def _counted(query: SearchQuery, viewer: Actor) -> tuple[dict[str, list[FacetValue]], bool]:
    """Every facet of the most downloaded entries that the query finds, and whether those are all that it finds."""
    sample = matching(query, viewer).order_by(*SORTS["downloads"]).values_list(*_FACET_COLUMNS.values())

    def count() -> tuple[dict[str, list[FacetValue]], bool]:
        rows = list(sample[: FACET_LIMIT + 1])
        columns = zip(*rows[:FACET_LIMIT], strict=True) if rows else [()] * len(_FACET_COLUMNS)
        named = zip(_FACET_COLUMNS, columns, strict=True)
        return {facet: _ranked(values, is_words=facet == "language") for facet, values in named}, len(
            rows
        ) <= FACET_LIMIT

    return believed(sample, count, lambda counted: not counted[1])


def _ranked(values: Iterable[Any], *, is_words: bool) -> list[FacetValue]:
    counted = Counter(value for value in values if value not in ("", None))
    if is_words:  # an entry's languages share a column
        words: Counter[str] = Counter()
        for languages, count in counted.items():
            words.update(dict.fromkeys(languages.split(), count))
        counted = words
    ranked = sorted(counted.items(), key=lambda row: (-row[1], row[0]))
    return [FacetValue(value, count) for value, count in ranked[:_MOST_VALUES]]
