"""review list, copies, approve, reject, ask, many; `review_cases` and `review_rules` add theirs to the same group."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output, reviews
from ..errors import UsageError
from .comparing import near_row
from .options import AsJson, Cursor, HubUrl, Limit, open_hub

app = typer.Typer(help="Decide on revisions that wait (scope review).", no_args_is_help=True)
Revision = Annotated[str, typer.Argument(metavar="NAME@COMMIT|NAME@VERSION")]


@app.command("list")
def list_queue(
    show: Annotated[str | None, typer.Option(help="waiting, mine, free, returned or own.")] = None,
    namespace: Annotated[str | None, typer.Option()] = None,
    priority: Annotated[str | None, typer.Option(help="urgent, high, normal or low.")] = None,
    kind: Annotated[str | None, typer.Option(help="first, update, again, warnings or disagreements.")] = None,
    sort: Annotated[str | None, typer.Option(help="priority, oldest or newest.")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Show what waits for you, the urgent first. Example: hubclient review list --kind warnings"""
    wanted = {"show": show, "namespace": namespace, "priority": priority, "kind": kind, "sort": sort}
    with open_hub(url) as hub:
        page = reviews.queue(hub, **wanted, cursor=cursor, limit=limit)
    if is_json:
        output.emit_json(page)
        return
    output.table(
        ("adapter", "version", "commit", "method", "author", "priority", "for", "since"),
        map(_queue_row, page["results"]),
    )
    if page.get("next_cursor"):
        output.note(f"go on with --cursor {page['next_cursor']}")


def _queue_row(row: dict[str, Any]) -> tuple[Any, ...]:
    case = row["case"]
    named = (row["adapter"], case["version"], row["commit_id"][:12], row.get("method"), row.get("author"))
    return *named, case["priority"], case["assignee"] or "anybody", case["entered_at"]


@app.command()
def copies(name: Revision, url: HubUrl = None, is_json: AsJson = False) -> None:
    """Show who has these weights already. Example: hubclient review copies team/sentiment@1.0.0"""
    check_revision(name)
    with open_hub(url) as hub:
        found = hub.copies(name, hub.commit_of(name))
    if is_json:
        output.emit_json(found)
        return
    output.table(("adapter", "is", "cosine", "strength", "initial A"), map(near_row, found["copies"]))
    if found["has_hidden_copy"]:
        output.note("An adapter that you may not see holds the same weights; an administrator can tell which one.")
    elif not found["copies"]:
        output.note("Nothing that was compared holds them.")


@app.command()
def approve(
    name: Revision,
    reason: Annotated[str, typer.Option(help="A word to the author.")] = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Approve, which publishes. Example: hubclient review approve team/sentiment@1.0.0"""
    check_revision(name)
    with open_hub(url) as hub:
        _show(name, hub.approve(name, reason), is_json=is_json)


@app.command()
def reject(
    name: Revision,
    reason: Annotated[str, typer.Option(help="Why; the author reads it.")] = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Reject with a reason. Example: hubclient review reject team/sentiment@1.0.0 --reason "no licence" """
    check_revision(name)
    if not reason:
        raise UsageError("A rejection needs a --reason.", field="reason")
    with open_hub(url) as hub:
        _show(name, hub.reject(name, reason), is_json=is_json)


@app.command()
def ask(
    name: Revision,
    reason: Annotated[str, typer.Option(help="What to change; the author reads it.")] = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Ask its author for changes. Example: hubclient review ask team/sentiment@1.0.0 --reason "state the data" """
    check_revision(name)
    if not reason:
        raise UsageError("Asking for changes needs a --reason.", field="reason")
    with open_hub(url) as hub:
        _show(name, hub.ask_changes(name, reason), is_json=is_json)


@app.command()
def many(
    decision: Annotated[str, typer.Argument(metavar="approve|reject|ask_changes")],
    names: Annotated[list[str], typer.Argument(metavar="NAME@VERSION...")],
    reason: Annotated[str, typer.Option(help="One for all of them.")] = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Decide about several. Example: hubclient review many reject team/a@1.0.0 team/b@1.0.0 --reason "no licence" """
    for name in names:
        check_revision(name)
    if not reason:
        raise UsageError("A decision about several needs a --reason.", field="reason")
    with open_hub(url) as hub:
        outcome = reviews.decide_many(hub, names, decision, reason)
    if is_json:
        output.emit_json(outcome)
    else:
        for name in outcome["decided"]:
            output.say(f"{name}: {decision}")
        for each in outcome["refused"]:
            output.note(f"{each['revision']}: {each['detail']} ({each['code']})")
    if outcome["refused"]:
        raise typer.Exit(1)


def check_revision(name: str) -> None:
    """Raise UsageError unless the name says which revision."""
    from ..names import AdapterName

    if AdapterName.parse(name).ref is None:
        raise UsageError("Which revision? Write NAME@VERSION or NAME@COMMIT.", code="invalid_name", field="name")


def _show(name: str, review: dict[str, Any], *, is_json: bool) -> None:
    if is_json:
        output.emit_json(review)
        return
    state = (review.get("revision") or {}).get("state")
    output.say(f"{name}: {review['decision']} by {review['reviewer']}" + (f", now {state}." if state else "."))
