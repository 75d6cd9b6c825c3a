"""eval-set add, list, show, change, withdraw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, Cursor, HubUrl, Limit, open_hub

app = typer.Typer(help="Evaluation sets: labelled rows that adapters are measured on.", no_args_is_help=True)


@app.command()
def add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with set.json and its files.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="namespace/name")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Send a folder as a set's newest revision. Example: hubclient eval-set add ./films team/films"""
    with open_hub(url) as hub:
        revision = hub.add_evaluation_set(folder, name)
    if is_json:
        output.emit_json(revision)
        return
    hidden = ", hidden" if revision["is_hidden"] else ""
    output.say(f"{revision['reference']}: {revision['rows']} rows{hidden}, {revision['metric']}.")
    output.say(f"digest {revision['digest']}")


@app.command("list")
def list_sets(
    query: Annotated[str, typer.Argument(metavar="[QUERY]")] = "",
    task: Annotated[str | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option()] = None,
    namespace: Annotated[str | None, typer.Option()] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """List evaluation sets. Example: hubclient eval-set list films --language en"""
    filters: dict[str, Any] = {"task": task, "language": language, "namespace": namespace}
    with open_hub(url) as hub:
        page = hub.evaluation_sets(query, **filters, cursor=cursor, limit=limit)
    if is_json:
        output.emit_json(page)
        return
    output.table(("set", "harness", "metric", "rows", "task", "languages", "rows are"), map(_row, page["results"]))
    if page.get("next_cursor"):
        output.note(f"go on with --cursor {page['next_cursor']}")


def _row(found: dict[str, Any]) -> tuple[Any, ...]:
    newest = found["revision"]
    if newest is None:
        return found["full_name"], "", "", 0, "", "", "not there yet"
    return (
        newest["reference"], newest["harness"], newest["metric"], newest["rows"], newest["task"],
        ", ".join(newest["languages"]), "hidden" if newest["is_hidden"] else "open",
    )  # fmt: skip


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="NAME[@N]")], url: HubUrl = None, is_json: AsJson = False) -> None:
    """Show a set, or one of its revisions. Example: hubclient eval-set show team/films"""
    with open_hub(url) as hub:
        found = hub.evaluation_set(name)
    if is_json:
        output.emit_json(found)
        return
    newest = found.get("revision", found) or {}
    output.facts(
        {
            "set": newest.get("reference") or found.get("full_name"),
            "summary": found.get("summary"),
            "visibility": found.get("visibility"),
            "withdrawn": _withdrawal(found),
            "harness": newest.get("harness"),
            "metric": newest.get("metric"),
            "task": newest.get("task"),
            "languages": ", ".join(newest.get("languages") or []),
            "licence": newest.get("license"),
            "rows": newest.get("rows"),
            "rows are": "hidden" if newest.get("is_hidden") else "open",
            "labels": ", ".join((newest.get("labels") or [])[:20]),
            "columns": ", ".join(f"{part}: {column}" for part, column in (newest.get("columns") or {}).items()),
            "digest": newest.get("digest"),
            "revisions": ", ".join(map(str, found.get("revisions") or [])),
        }
    )
    for file in newest.get("files") or []:
        output.say(f"  {file['split']:<8}  {output.readable_size(file['size_bytes']):>9}  {file['path']}")


@app.command()
def change(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    visibility: Annotated[str | None, typer.Option(help="public or private.")] = None,
    summary: Annotated[str | None, typer.Option(help="One sentence.")] = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Change who sees a set, or its summary. Example: hubclient eval-set change team/films --visibility private"""
    given = {"visibility": visibility, "summary": summary}
    changes = {field: value for field, value in given.items() if value is not None}
    if not changes:
        raise UsageError("There is nothing to change.", hint="Give --visibility or --summary.")
    with open_hub(url) as hub:
        changed = hub.change_evaluation_set(name, **changes)
    if is_json:
        output.emit_json(changed)
    else:
        output.say(f"{changed['full_name']} is {changed['visibility']}: {changed['summary'] or 'no summary'}")


@app.command()
def withdraw(
    name: Annotated[str, typer.Argument(metavar="NAME[@N]", help="The whole set, or one revision of it.")],
    reason: Annotated[str, typer.Option(help="Why the rows have to go; everybody reads it.")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Take rows away for ever; scores stay. Example: hubclient eval-set withdraw team/films@1 --reason "licence" """
    with open_hub(url) as hub:
        withdrawn = hub.withdraw_evaluation_set(name, reason)
    if is_json:
        output.emit_json(withdrawn)
    else:
        output.say(f"{withdrawn.get('reference') or withdrawn['full_name']} is {_withdrawal(withdrawn)}.")


def _withdrawal(found: dict[str, Any]) -> str | None:
    if not found.get("withdrawn_at"):
        return None
    return f"withdrawn on {found['withdrawn_at'][:10]}: {found['withdrawal_reason']}"
