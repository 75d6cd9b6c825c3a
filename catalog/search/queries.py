"""Search: one function behind the page, the API and every other listing, so that they cannot disagree."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Count, Q, QuerySet

from catalog.accounts.querysets import Actor, visible_through
from catalog.bases.queries import find_base
from catalog.errors import InvalidInput
from catalog.names import fold
from catalog.paging import DEFAULT_LIMIT, Page, page_of
from catalog.search.models import SearchEntry

SORTS = {
    "downloads": ("-downloads", "-id"),
    "newest": ("-published_at", "-id"),
    "name": ("full_name",),
}


@dataclass(frozen=True)
class SearchQuery:
    """What somebody asks for; empty fields do not filter."""

    text: str = ""
    base: str = ""
    method: str = ""
    task: str = ""
    language: str = ""
    license: str = ""
    tag: str = ""
    namespace: str = ""
    rank_min: int | None = None
    rank_max: int | None = None
    sort: str = "downloads"


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


def search(
    query: SearchQuery, viewer: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[SearchEntry]:
    """One keyset page of what ``viewer`` may see.

    Raises:
        InvalidInput: unknown sort, bad limit or ``invalid_cursor``.
    """
    if query.sort not in SORTS:
        raise InvalidInput(detail=f"unknown sort {query.sort!r}", field="sort", hint=f"One of {', '.join(SORTS)}.")
    found = matching(query, viewer).select_related("base_model", "adapter", "namespace")
    return page_of(found, SORTS[query.sort], cursor=cursor, limit=limit)


def matching(query: SearchQuery, viewer: Actor) -> QuerySet[SearchEntry]:
    """Every entry that ``query`` finds and ``viewer`` may see, unsorted."""
    found = SearchEntry.objects.filter(visible_through(viewer, "namespace", Q(is_public=True)))
    for word in query.text.casefold().split():
        found = found.filter(text__contains=word)
    if query.base:
        base = find_base(query.base)
        found = found.filter(base_model__folded=base.folded) if base else found.none()
    exact = {
        "method": query.method.casefold(),
        "task": query.task.casefold(),
        "license__iexact": query.license,
        "namespace__folded": fold(query.namespace) if query.namespace else "",
        "rank__gte": query.rank_min,
        "rank__lte": query.rank_max,
    }
    found = found.filter(**{name: value for name, value in exact.items() if value not in ("", None)})
    if query.language:
        found = found.filter(
            Q(languages__icontains=f" {query.language} ") | Q(languages__icontains=f" {query.language}-")
        )
    if query.tag:
        found = found.filter(tags__icontains=f" {query.tag} ")
    return found


def facets(query: SearchQuery, viewer: Actor, *, most: int = 12) -> Facets:
    """Counts per value, most frequent first; each facet leaves out its own filter, to show what else there is."""

    def found(facet: str) -> QuerySet[SearchEntry]:
        without: dict[str, Any] = {facet: ""}
        return matching(replace(query, **without), viewer)

    return Facets(
        base=_counts(found("base"), "base_model__name", most),
        method=_counts(found("method"), "method", most),
        task=_counts(found("task"), "task", most),
        language=_language_counts(found("language"), most),
        license=_counts(found("license"), "license", most),
        namespace=_counts(found("namespace"), "namespace__name", most),
    )


def _counts(found: QuerySet[SearchEntry], column: str, most: int) -> list[FacetValue]:
    rows = found.exclude(**{column: ""}).exclude(**{column: None}).values_list(column).annotate(n=Count("id"))
    return [FacetValue(value, count) for value, count in rows.order_by("-n", column)[:most]]


def _language_counts(found: QuerySet[SearchEntry], most: int) -> list[FacetValue]:
    """The database counts combinations, as an entry's languages share a column; the words are summed here."""
    counted: Counter[str] = Counter()
    for languages, count in found.exclude(languages="").values_list("languages").annotate(n=Count("id")).order_by():
        counted.update(dict.fromkeys(languages.split(), count))
    ranked = sorted(counted.items(), key=lambda row: (-row[1], row[0]))
    return [FacetValue(language, count) for language, count in ranked[:most]]
