"""search: the search language on the command line, as rows or as counts by facet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, Cursor, HubUrl, Limit, open_hub

if TYPE_CHECKING:
    from ..client import Hub


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(search)


def search(
    words: Annotated[list[str] | None, typer.Argument(metavar="[QUERY]...", help="Words, phrases and filters.")] = None,
    base: Annotated[str | None, typer.Option(help="Base model; the same as base:NAME, and so for the others.")] = None,
    fits: Annotated[str | None, typer.Option(help="Base model that its checked shapes fit.")] = None,
    method: Annotated[str | None, typer.Option(help="Such as lora; several with commas.")] = None,
    task: Annotated[str | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option()] = None,
    license_: Annotated[str | None, typer.Option("--license")] = None,
    tag: Annotated[str | None, typer.Option()] = None,
    namespace: Annotated[str | None, typer.Option()] = None,
    rank_min: Annotated[int | None, typer.Option(min=1)] = None,
    rank_max: Annotated[int | None, typer.Option(min=1)] = None,
    sort: Annotated[str | None, typer.Option(help="downloads, newest, name, score or relevance.")] = None,
    is_counted: Annotated[bool, typer.Option("--facets", help="Count what is found, by facet.")] = False,
    cursor: Cursor = None,
    limit: Limit = 20,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Find adapters. Example: hubclient search 'sentiment base:gpt2 lang:en -method:prefix rank:<=16 sort:newest'

    In a shell, put a query with < > or a leading - in quotes. docs/SEARCH.md describes the language.
    """
    query = " ".join(words or [])
    filters: dict[str, Any] = {
        "base": base, "fits": fits, "method": method, "task": task, "language": language, "license": license_,
        "tag": tag, "namespace": namespace, "rank_min": rank_min, "rank_max": rank_max, "sort": sort,
    }  # fmt: skip
    with open_hub(url) as hub:
        if is_counted:
            if cursor:
                raise UsageError("--facets counts everything that is found; it has no pages.", field="cursor")
            _show_facets(hub.facets(query, **filters), is_json=is_json)
            return
        page = hub.search(query, **filters, cursor=cursor, limit=limit)
        if is_json:
            output.emit_json(page)
            return
        output.table(_HEADINGS, map(_row, page["results"]))
        if not page["results"] and not cursor:
            _show_alternatives(hub, query, filters)
    output.more_pages(page)


_HEADINGS = ("adapter", "version", "base model", "method", "rank", "task", "summary")


def _row(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    base = (entry.get("base_model") or {}).get("id")
    return entry["full_name"], entry["version"], base, entry["method"], entry["rank"], entry["task"], entry["summary"]


def _show_facets(counted: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        output.emit_json(counted)
        return
    rows = [(facet, row["value"], row["count"]) for facet, values in counted["facets"].items() for row in values]
    output.table(("facet", "value", "adapters"), rows)
    if not counted.get("is_exact", True):
        output.note("counted over the 10,000 most downloaded of what is found")


def _show_alternatives(hub: Hub, query: str, filters: Mapping[str, Any]) -> None:
    """Why nothing is found, on standard error: it is no result."""
    found = hub.alternatives(query, **filters)
    output.note("nothing fits all of this")
    for row in found["meant"]:
        output.note(f"  did you mean {row['query']}")
    for row in found["without"]:
        more = "" if row["is_exact"] else "more than "
        output.note(f"  without {row['text']}: {more}{row['count']}")
