"""review list, copies, approve, reject."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .comparing import near_row
from .options import AsJson, HubUrl, open_hub

app = typer.Typer(help="Decide on revisions that wait (scope review).", no_args_is_help=True)
Revision = Annotated[str, typer.Argument(metavar="NAME@COMMIT|NAME@VERSION")]


@app.command("list")
def list_pending(
    namespace: Annotated[str | None, typer.Option()] = None, url: HubUrl = None, is_json: AsJson = False
) -> None:
    """Show what waits for you, oldest first. Example: hubclient review list"""
    with open_hub(url) as hub:
        page = hub.pending_reviews(namespace)
    if is_json:
        output.emit_json(page)
        return
    rows = (
        (each["adapter"], each.get("version"), each["commit_id"][:12], each.get("method"), each.get("author"))
        for each in page["results"]
    )
    output.table(("adapter", "version", "commit", "method", "author"), rows)


@app.command()
def copies(name: Revision, url: HubUrl = None, is_json: AsJson = False) -> None:
    """Show who has these weights already. Example: hubclient review copies team/sentiment@1.0.0"""
    _check(name)
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
    _check(name)
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
    _check(name)
    if not reason:
        raise UsageError("A rejection needs a --reason.", field="reason")
    with open_hub(url) as hub:
        _show(name, hub.reject(name, reason), is_json=is_json)


def _check(name: str) -> None:
    from ..names import AdapterName

    if AdapterName.parse(name).ref is None:
        raise UsageError("Which revision? Write NAME@VERSION or NAME@COMMIT.", code="invalid_name", field="name")


def _show(name: str, review: dict[str, Any], *, is_json: bool) -> None:
    if is_json:
        output.emit_json(review)
        return
    state = (review.get("revision") or {}).get("state")
    output.say(f"{name}: {review['decision']} by {review['reviewer']}" + (f", now {state}." if state else "."))
