"""A search page's query string: read into a SearchQuery, and written back with one thing changed."""

from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from catalog.errors import InvalidInput
from catalog.search.queries import Facets, SearchQuery

# Parameter, its field in SearchQuery, and its title.
FILTERS = (
    ("base", "base", "Base model"),
    ("method", "method", "Method"),
    ("task", "task", "Task"),
    ("language", "language", "Language"),
    ("license", "license", "Licence"),
    ("namespace", "namespace", "Namespace"),
    ("tag", "tag", "Tag"),
    ("rank_min", "rank_min", "Rank from"),
    ("rank_max", "rank_max", "Rank to"),
)
SORT_TITLES = {"downloads": "Most downloaded", "newest": "Newest", "name": "Name"}


@dataclass(frozen=True)
class Chip:
    """An active filter and the address without it."""

    name: str
    title: str
    value: str
    url_without: str


@dataclass(frozen=True)
class FacetLink:
    """One value of a facet: its count, whether it is chosen, and the address that chooses or drops it."""

    value: str
    count: int
    is_chosen: bool
    url: str


@dataclass(frozen=True)
class FacetGroup:
    """A facet with its values."""

    name: str
    title: str
    links: list[FacetLink]


def read_query(params: QueryDict) -> SearchQuery:
    """The query that a query string means; what is absent does not filter. Raises InvalidInput for a bad rank."""
    texts: dict[str, Any] = {field: typed(params, name) for name, field, _ in FILTERS if not name.startswith("rank_")}
    return SearchQuery(
        text=typed(params, "q"),
        rank_min=_rank(params, "rank_min"),
        rank_max=_rank(params, "rank_max"),
        sort=params.get("sort") or "downloads",
        **texts,
    )


def typed(params: QueryDict, name: str) -> str:
    """What somebody typed under ``name``: trimmed, bounded, and without NUL, which PostgreSQL cannot hold."""
    return params.get(name, "").replace("\0", "").strip()[:300]


def search_url(query: SearchQuery, *, cursor: str = "") -> str:
    """The shareable address of ``query``; defaults are left out."""
    values = asdict(query)
    pairs = [("q", query.text)] + [(name, values[field]) for name, field, _ in FILTERS]
    pairs += [("sort", query.sort if query.sort != "downloads" else ""), ("cursor", cursor)]
    written = urlencode([(name, value) for name, value in pairs if value not in ("", None)])
    return reverse("search") + (f"?{written}" if written else "")


def chips(query: SearchQuery) -> list[Chip]:
    """The active filters, in a fixed order; the words of the query box count as one."""
    values = asdict(query)
    made = [Chip("q", "Words", query.text, search_url(replace(query, text="")))] if query.text else []
    for name, field, title in FILTERS:
        if values[field] not in ("", None):
            url = search_url(_changed(query, field, None if name.startswith("rank_") else ""))
            made.append(Chip(name, title, str(values[field]), url))
    return made


def facet_groups(query: SearchQuery, found: Facets) -> list[FacetGroup]:
    """Facets that have values, each value with the address that toggles it."""
    values, counts = asdict(query), asdict(found)
    groups = []
    for name, field, title in FILTERS:
        links = []
        for row in counts.get(name, []):
            is_chosen = str(values[field]).casefold() == str(row["value"]).casefold()
            url = search_url(_changed(query, field, "" if is_chosen else row["value"]))
            links.append(FacetLink(row["value"], row["count"], is_chosen, url))
        if links:
            groups.append(FacetGroup(name, title, links))
    return groups


def _changed(query: SearchQuery, field: str, value: Any) -> SearchQuery:
    return replace(query, **{field: value})


def _rank(params: QueryDict, name: str) -> int | None:
    text = params.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 6:
        raise InvalidInput(detail=f"{name} is {text[:40]!r}; it must be a whole number", field=name)
    return int(text)
