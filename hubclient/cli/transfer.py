"""push and pull."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import output
from .options import AsJson, HubUrl, Timeout, open_hub

if TYPE_CHECKING:
    from ..push import PushResult


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(push)
    app.command()(pull)


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that the trainer saved.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="namespace/name")],
    base: Annotated[str | None, typer.Option(metavar="ID[@REV]", help="The base model it was trained on.")] = None,
    version: Annotated[str | None, typer.Option(help="Such as 1.2.0; the next free one when left out.")] = None,
    task: Annotated[str | None, typer.Option(help="What it does, such as text-classification.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="BCP-47 tag; repeatable.")] = None,
    license_: Annotated[str | None, typer.Option("--license", help="SPDX expression.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Free word; repeatable.")] = None,
    summary: Annotated[str | None, typer.Option(help="One sentence.")] = None,
    training_data: Annotated[str | None, typer.Option(help="What it was trained on.")] = None,
    citation: Annotated[str | None, typer.Option(help="How to cite it.")] = None,
    is_private: Annotated[bool | None, typer.Option("--private/--public", help="Who sees the adapter.")] = None,
    message: Annotated[str | None, typer.Option(help="What changed.")] = None,
    is_waiting: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the validation.")] = True,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Push a folder as a new revision. Example: hubclient push ./adapter team/sentiment --base gpt2 --language en"""
    details: dict[str, Any] = {
        "base": base, "version": version, "task": task, "languages": language, "license": license_, "tags": tag,
        "summary": summary, "training_data": training_data, "citation": citation, "message": message,
        "visibility": None if is_private is None else "private" if is_private else "public",
    }  # fmt: skip
    with open_hub(url) as hub, output.progress("Sending", is_bytes=True, is_quiet=is_json) as sending:
        result = hub.push(folder, name, is_waiting=False, on_progress=sending, **details)
    if is_waiting:
        with open_hub(url) as hub, output.progress("Validating", is_bytes=False, is_quiet=is_json) as validating:
            hub.await_validation(
                result, timeout_seconds=timeout, on_progress=lambda share, label: validating(share, 1.0, label)
            )
    if is_json:
        output.emit_json(result.as_dict())
    else:
        _show_pushed(result)


def _show_pushed(result: PushResult) -> None:
    for line in result.skipped:
        output.note(f"left out {line}")
    outcome = {
        "receiving": "has arrived in the store; the hub hashes it before it becomes a revision",
        "validating": "is being validated",
        "pending": "is valid and waits for review",
        "published": "is published",
    }.get(result.state, f"is {result.state}")
    name = f"{result.adapter}@{result.version}" if result.version else result.adapter
    output.say(f"{name} {outcome}" + (" (these very files were there already)." if result.is_unchanged else "."))
    output.facts(
        {
            "commit": result.revision.get("commit_id"),
            "method": result.revision.get("method"),
            "rank": result.revision.get("rank"),
            "size": output.readable_size(result.revision.get("size_bytes")),
            "job": (result.job or {}).get("id") if result.state in ("receiving", "validating") else None,
        }
    )


def pull(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="namespace/name, or with @1.2.0 or a commit")],
    dest: Annotated[Path | None, typer.Option(help="The folder to make; ./name when left out.")] = None,
    base: Annotated[str | None, typer.Option(metavar="ID", help="Refuse unless it fits this base model.")] = None,
    is_forced: Annotated[bool, typer.Option("--force", help="Replace what DEST holds now.")] = False,
    is_compressed: Annotated[
        bool, typer.Option("--compressed", help="Fetch its family's basis once, then coefficients alone.")
    ] = False,
    is_kept: Annotated[
        bool, typer.Option("--keep-compressed", help="Leave basis and coefficients on disk, not an ordinary LoRA.")
    ] = False,
    family: Annotated[str | None, typer.Option(metavar="NAME", help="The family to take; any that holds it.")] = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Download and verify an adapter. Example: hubclient pull team/sentiment@1.0.0 --dest ./sentiment"""
    from ..names import AdapterName
    from .families import pull_compressed

    folder = dest or Path(AdapterName.parse(name).name)
    if (is_compressed or is_kept or family) and pull_compressed(
        name, folder, base=base, family=family, is_kept=is_kept, is_forced=is_forced, url=url, is_json=is_json
    ):
        return
    with open_hub(url) as hub, output.progress("Receiving", is_bytes=True, is_quiet=is_json) as receiving:
        result = hub.pull_with_plan(name, folder, base=base, is_forced=is_forced, on_progress=receiving)
    if is_json:
        output.emit_json(result.as_dict())
        return
    shown = result.as_dict()
    for warning in shown["warnings"]:
        output.note(f"warning: {warning.get('code')}: {warning.get('detail')}")
    amount = output.readable_size(result.plan.size_bytes)
    how = (
        f"{output.readable_size(result.transferred_bytes)} transferred"
        if result.transferred_bytes
        else "all here already"
    )
    output.say(
        f"{result.plan.adapter}@{result.plan.version or result.plan.commit_id} in {result.folder} ({amount}, {how})"
    )
    output.say(result.load_line)
