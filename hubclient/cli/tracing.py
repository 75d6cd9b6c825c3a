"""lineage, withdraw, remove, removals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, Cursor, HubUrl, Limit, Timeout, open_hub

Name = Annotated[str, typer.Argument(metavar="NAME[@VERSION]")]
Reason = Annotated[str, typer.Option(help="Why; shown to everybody who asks for it, and in the receipt.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    for command in (lineage, withdraw, remove, removals):
        app.command()(command)


def lineage(name: Name, url: HubUrl = None, is_json: AsJson = False) -> None:
    """Show what an adapter was made of, and what was made of it. Example: hubclient lineage team/merged@1.0.0"""
    with open_hub(url) as hub:
        found = hub.lineage(name)
    if is_json:
        output.emit_json(found)
        return
    if not (found["ancestors"] or found["descendants"] or found["bases"] or found["hidden_descendants"]):
        output.say(f"{_named(found['subject'])} was pushed, and nothing was made of it.")
        return
    output.table(("", "adapter", "state", "how"), _rows(found))
    for basis in found["bases"]:
        output.say(f"compressed on {basis['family']}@{basis['number']} ({basis['state']})")
    if found["hidden_descendants"]:
        output.note(f"{found['hidden_descendants']} more were made of it that you may not see")


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    made = {step["made"]: step["kind"] for step in found["steps"]}
    for label, rows in (("made of", found["ancestors"]), ("", [found["subject"]]), ("used in", found["descendants"])):
        for row in rows:
            why = f"{row['state']}: {row['withdrawn']['reason']}" if row["withdrawn"] else row["state"]
            yield label, _named(row), why, made.get(row["commit_id"], "pushed")


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['adapter']}@{row['version'] or row['commit_id'][:12]}"


def withdraw(
    name: Name,
    reason: Reason,
    is_flagged: Annotated[
        bool, typer.Option("--flag-derived", help="Keep what was made of it, and say so to whoever pulls that.")
    ] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Withdraw for ever. Example: hubclient withdraw team/ner@1.0.0 --reason "its data may not be used" """
    with open_hub(url) as hub:
        done = hub.withdraw(name, reason, derived="flag" if is_flagged else "withdraw")
    if is_json:
        output.emit_json(done)
        return
    _show_withdrawn(done)


def _show_withdrawn(done: Mapping[str, Any]) -> None:
    output.table(("withdrawn", "kind", "why"), ((row["name"], row["kind"], row["reason"]) for row in done["withdrawn"]))
    if done["hidden"]:
        output.note(f"and {done['hidden']} more that were made of it and that you may not see")


def remove(
    name: Name,
    reason: Reason,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do it; without this only what would go is shown.")] = False,
    is_waiting: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the receipt.")] = True,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Delete the bytes for good, with all that contains them. Example: hubclient remove team/ner --reason ... --yes"""
    if not is_sure:
        lineage(name, url, is_json)
        raise UsageError(f"This would go for good. Nothing was done to {name}.", hint="Add --yes to remove it.")
    with open_hub(url) as hub, output.progress("Removing", is_bytes=False, is_quiet=is_json or not is_waiting) as call:
        answer = hub.remove(name, reason)
        if is_waiting:
            answer = hub.await_removal(
                answer, timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label)
            )
    if is_json:
        output.emit_json(answer)
    else:
        _show_removal(answer)


def removals(
    removal_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """List removals, or show the receipt of one. Example: hubclient removals"""
    with open_hub(url) as hub:
        found = hub.removal(removal_id) if removal_id else hub.removals(cursor=cursor, limit=limit)
    if is_json:
        output.emit_json(found)
    elif removal_id:
        _show_removal(found)
    else:
        rows = ((row["id"], row["subject"], row["state"], row["created_at"]) for row in found["results"])
        output.table(("id", "subject", "state", "asked for"), rows)
        if found.get("next_cursor"):
            output.note(f"go on with --cursor {found['next_cursor']}")


def _show_removal(removal: Mapping[str, Any]) -> None:
    receipt = removal.get("receipt") or {}
    if not receipt:
        output.say(f"{removal['subject']} is withdrawn; its bytes go with job {removal['job']} ({removal['state']}).")
        return
    rows = (
        (artefact["name"], artefact["role"], file["path"], file["sha256"][:12], file["became"].replace("_", " "))
        for artefact in receipt["artefacts"]
        for file in artefact["files"] or [{"path": "–", "sha256": "", "became": "–"}]
    )
    output.table(("artefact", "role", "file", "digest", "became"), rows)
    for line in receipt["made_anew"]:
        output.say(f"{line['of']}: {line['outcome']} {line.get('name') or line.get('why') or ''}".rstrip())
    output.say(f"receipt {removal['id']}, digest {receipt['digest']}")
