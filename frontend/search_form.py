"""A search page's address: read into a SearchQuery, and written back with one thing changed."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.errors import InvalidInput
from catalog.search.alternatives import Alternatives
from catalog.search.language import parse
from catalog.search.parameters import PARAMETERS, query_from
from catalog.search.parts import Part, parts_of, written
from catalog.search.queries import Facets, FacetValue
from catalog.search.query import ANY_OF, NUMBER_FILTERS, WORD_FILTERS, SearchQuery
from frontend.bands import bounds_of

TITLES: dict[str, Promise] = {
    "base": _("Base model"),
    "architecture": _("Architecture"),
    "method": _("Method"),
    "task": _("Task"),
    "language": _("Language"),
    "domain": _("Domain"),
    "modality": _("Modality"),
    "license": _("Licence"),
    "namespace": _("Namespace"),
    "tag": _("Tag"),
    "fits": _("Fits"),
    "rank": _("Rank"),
    "size": _("Size"),
    "gain": _("Gain over its base"),
    "score": _("Score"),
    "marks": _("Is"),
    "text": _("Words"),
    "phrase": _("Words"),
    "phrases": _("Words"),
}
SORT_TITLES = {
    "downloads": _("Most downloaded"),
    "newest": _("Newest"),
    "name": _("Name"),
    "score": _("Best score"),
    "relevance": _("Words in the name first"),
}
# In the order of the page.
_FACETS = (
    "base",
    "architecture",
    "method",
    "task",
    "language",
    "rank",
    "license",
    "size",
    "gain",
    "domain",
    "modality",
    "namespace",
    "tag",
)
# Parameters of their own in an address; whatever else a query asks for is written into its text.
_OWN = (*WORD_FILTERS, "fits", "rank_min", "rank_max")


@dataclass(frozen=True)
class Chip:
    """An active filter and the address without it.

    ``is_typed``: it stands in the query box. Others are ``hidden`` fields of the form.
    """

    name: str
    title: Promise
    value: str
    text: str
    url_without: str
    is_typed: bool
    hidden: tuple[tuple[str, str], ...] = ()
    is_negated: bool = False


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
    title: Promise
    links: list[FacetLink]


@dataclass(frozen=True)
class Unreadable:
    """A query that cannot be read: what was typed before, at and after the word at fault, and what may be meant."""

    error: InvalidInput
    before: str
    token: str
    after: str
    nearest: str
    url_of_nearest: str
    hint: str
    is_unfinished: bool
    """Its last filter still waits for a value."""


def read_query(params: QueryDict) -> SearchQuery:
    """The query that an address means; what is absent does not filter.

    A filter that is named twice means either. Raises InvalidInput: ``invalid_query``, or for a bound that is no number.
    """
    given = {name: params.get(name, "") for name in PARAMETERS}
    lists = {name: ANY_OF.join(filter(None, params.getlist(name))) for name in WORD_FILTERS}
    return query_from(given | lists | {"q": typed_text(params)})


def typed_text(params: QueryDict) -> str:
    """What stands in the query box."""
    return params.get("q", "").replace("\0", "").strip()


def typed(params: QueryDict, name: str) -> str:
    """What somebody typed under ``name``: trimmed, bounded, and without NUL, which PostgreSQL cannot hold."""
    return params.get(name, "").replace("\0", "").strip()[:300]


def search_url(query: SearchQuery, *, cursor: str = "") -> str:
    """The shareable address of ``query``; defaults are left out."""
    own: dict[str, Any] = {name: getattr(query, name) for name in _OWN}
    none: dict[str, Any] = {name: None if name.startswith("rank_") else "" for name in _OWN}
    text = written(replace(query, **none, sort="score" if query.score_set else "downloads"))
    usual = "score" if query.score_set else "downloads"
    pairs = [("q", text), *own.items(), ("sort", query.sort if query.sort != usual else ""), ("cursor", cursor)]
    address = urlencode([(name, value) for name, value in pairs if value not in ("", None)])
    return reverse("search") + (f"?{address}" if address else "")


def chips(query: SearchQuery, text: str = "") -> list[Chip]:
    """The active filters, in a fixed order; ``text`` is what stands in the query box."""
    in_box = {part.text for part in parts_of(parse(text))}
    return [_chip(query, part, part.text in in_box or part.field in ("text", "phrases")) for part in parts_of(query)]


def _chip(query: SearchQuery, part: Part, is_typed: bool) -> Chip:
    names = ("rank_min", "rank_max") if part.field == "rank" else (part.field,)
    values = [(name, getattr(query, name)) for name in names if name in _OWN and not part.is_negated]
    hidden = () if is_typed else tuple((name, str(value)) for name, value in values if value not in ("", None))
    title = TITLES[part.field]
    url = search_url(part.rest)
    return Chip(part.field, title, part.value.replace(ANY_OF, ", "), part.text, url, is_typed, hidden, part.is_negated)


def facet_groups(query: SearchQuery, found: Facets) -> list[FacetGroup]:
    """Facets that have values, each value with the address that toggles it; two words of a facet mean either."""
    groups = []
    for name in _FACETS:
        rows = getattr(found, name, [])
        links = _ranges(query, name, rows) if name in NUMBER_FILTERS else _words(query, name, rows)
        if links:
            groups.append(FacetGroup(name, TITLES[name], links))
    return groups


def _words(query: SearchQuery, name: str, rows: list[FacetValue]) -> list[FacetLink]:
    """The values that were counted; before them those that are chosen, the ones too rare to be counted too."""
    counts = {row.value.casefold(): row.count for row in rows}
    asked = [value for value in str(getattr(query, name, "")).split(ANY_OF) if value]
    # A base model may be asked for by a part of its name: choosing one of those found then narrows.
    chosen = [value for value in asked if name != "base" or value.casefold() in counts]
    rare = [value for value in chosen if value.casefold() not in counts]
    links = []
    for value in [*rare, *(row.value for row in rows)]:
        others = [other for other in chosen if other.casefold() != value.casefold()]
        is_chosen = len(others) < len(chosen)
        changed: dict[str, Any] = {name: ANY_OF.join(others if is_chosen else [*others, value])}
        url = search_url(replace(query, **changed))
        links.append(FacetLink(value, counts.get(value.casefold(), 0), is_chosen, url))
    return sorted(links, key=lambda link: not link.is_chosen)


def _ranges(query: SearchQuery, name: str, rows: list[FacetValue]) -> list[FacetLink]:
    """Numbers and bands, of which one at a time is chosen."""
    asked = (getattr(query, f"{name}_min"), getattr(query, f"{name}_max"))
    links = []
    for row in rows:
        low, high = bounds_of(row.value)
        is_chosen = asked == (low, high)
        ends: dict[str, Any] = {f"{name}_min": None, f"{name}_max": None}
        ends = ends if is_chosen else {f"{name}_min": low, f"{name}_max": high}
        links.append(FacetLink(row.value, row.count, is_chosen, search_url(replace(query, **ends))))
    return links


@dataclass(frozen=True)
class Instead:
    """Something to try: what it says, the address, and how much it finds where that was counted."""

    text: str
    url: str
    count: int | None = None
    is_exact: bool = True


def instead(found: Alternatives) -> dict[str, list[Instead]]:
    """For a query that finds nothing: what to drop, and what may have been meant."""
    without = [Instead(row.part.text, search_url(row.part.rest), row.count, row.is_exact) for row in found.without]
    return {"without": without, "meant": [Instead(written(row.query), search_url(row.query)) for row in found.meant]}


def unreadable(params: QueryDict, error: InvalidInput) -> Unreadable:
    """What to show of a query that cannot be read."""
    text, token = typed_text(params), str(error.more.get("token", ""))
    start = int(error.more.get("position", 0))
    before, after, nearest = text[:start], text[start + len(token) :], str(error.more.get("nearest", ""))
    address = reverse("search") + "?" + urlencode({"q": f"{before}{nearest}{after}"}) if nearest else ""
    hint = error.hint.removeprefix(f"Did you mean {nearest}? ") if nearest else error.hint
    is_unfinished = not after.strip() and token.endswith((":", "<", ">", "=", ","))
    return Unreadable(error, before, token, after, nearest, address, hint, is_unfinished)
