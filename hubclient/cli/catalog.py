"""info, yank, jobs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, Cursor, HubUrl, Limit, Timeout, open_hub


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    for command in (info, yank, jobs):
        app.command()(command)


def info(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")], url: HubUrl = None, is_json: AsJson = False
) -> None:
    """Show an adapter and one of its revisions. Example: hubclient info team/sentiment@1.0.0"""
    with open_hub(url) as hub:
        adapter = hub.info(name)
    if is_json:
        output.emit_json(adapter)
        return
    revision = adapter.get("revision") or {}
    base = revision.get("base_model") or {}
    output.facts(
        {
            "adapter": adapter["full_name"],
            "summary": adapter.get("summary"),
            "visibility": adapter.get("visibility"),
            "versions": ", ".join(adapter.get("versions") or []),
            "version": revision.get("version"),
            "state": revision.get("state"),
            "commit": revision.get("commit_id"),
            "base model": f"{base['id']}@{base['revision']}" if base else None,
            "method": revision.get("method"),
            "rank": revision.get("rank"),
            "task": revision.get("task"),
            "languages": ", ".join(revision.get("languages") or []),
            "license": revision.get("license"),
            "reviewed": _reviewed(revision.get("review")),
            "size": output.readable_size(revision["size_bytes"]) if revision else None,
            "author": revision.get("author"),
            "downloads": adapter.get("downloads"),
            "page": adapter.get("url"),
        }
    )
    for file in revision.get("files") or []:
        output.say(f"  {file['sha256'][:12]}  {output.readable_size(file['size_bytes']):>9}  {file['path']}")


_DECIDED = {"approve": "approved", "reject": "rejected", "ask_changes": "given back, changes asked for,"}


def _reviewed(review: dict[str, Any] | None) -> str | None:
    if review is None:
        return None
    decided = _DECIDED.get(review["decision"], review["decision"])
    reason = f": {review['reason']}" if review["reason"] else ""
    return f"{decided} by {review['reviewer']}{reason}"


def yank(
    name: Annotated[str, typer.Argument(metavar="NAME@VERSION")],
    reason: Annotated[str | None, typer.Option(help="Why; shown to everybody who pulls it.")] = None,
    is_undone: Annotated[bool, typer.Option("--undo", help="Offer the version again.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Stop offering a version. Example: hubclient yank team/sentiment@1.0.0 --reason "trained on the test set" """
    from ..names import AdapterName

    if AdapterName.parse(name).ref is None:
        raise UsageError("Which version? Write NAME@VERSION.", code="invalid_name", field="name")
    if not reason and not is_undone:
        raise UsageError("A yank needs a --reason.", field="reason")
    with open_hub(url) as hub:
        version = hub.unyank(name) if is_undone else hub.yank(name, reason or "")
    if is_json:
        output.emit_json(version)
    else:
        output.say(f"{name} is {version['state']}.")


def jobs(
    job_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    is_waiting: Annotated[bool, typer.Option("--wait", help="Wait for the job to end.")] = False,
    state: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")] = None,
    kind: Annotated[str | None, typer.Option()] = None,
    is_dead: Annotated[bool, typer.Option("--dead", help="Dead letters that wait for somebody.")] = False,
    is_cancelled: Annotated[bool, typer.Option("--cancel", help="Cancel the job.")] = False,
    is_retried: Annotated[bool, typer.Option("--retry", help="Let a dead letter run again (administrators).")] = False,
    note: Annotated[
        str | None, typer.Option("--acknowledge", metavar="NOTE", help="Let a dead letter rest (administrators).")
    ] = None,
    timeout: Timeout = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """List jobs, or show one. Example: hubclient jobs --state failed"""
    if job_id is not None:
        if is_cancelled or is_retried:
            with open_hub(url) as hub:
                (hub.cancel_job if is_cancelled else hub.retry_job)(job_id)
        elif note is not None:
            with open_hub(url) as hub:
                hub.acknowledge_job(job_id, note)
        _one_job(job_id, url, is_waiting=is_waiting, timeout=timeout, is_json=is_json)
        return
    if is_waiting or is_cancelled or is_retried or note is not None:
        raise UsageError("--wait, --cancel, --retry and --acknowledge need the id of a job.", field="id")
    dead = {"dead_letter": "true", "acknowledged": "false"} if is_dead else {}
    with open_hub(url) as hub:
        page = hub.jobs(state=state, kind=kind, **dead, cursor=cursor, limit=limit)
    if is_json:
        output.emit_json(page)
        return
    rows = ((job["id"], job["kind"], _state_of(job), (job.get("subject") or {}).get("name")) for job in page["results"])
    output.table(("id", "kind", "state", "subject"), rows)
    output.more_pages(page)


def _state_of(job: dict[str, Any]) -> str:
    return f"running {job['progress']:.0%}" if job["state"] == "running" else str(job["state"])


def _one_job(job_id: str, url: str | None, *, is_waiting: bool, timeout: float | None, is_json: bool) -> None:
    from ..jobs import raise_if_failed

    with open_hub(url) as hub, output.progress("Job", is_bytes=False, is_quiet=is_json or not is_waiting) as call:
        if is_waiting:
            job = hub.wait(
                job_id,
                timeout_seconds=timeout,
                on_progress=lambda share, label: call(share, 1, label),
                is_raising=False,
            )
        else:
            job = hub.job(job_id)
    if is_json:
        output.emit_json(job)
    else:
        subject = job.get("subject") or {}
        output.facts(
            {
                "job": job["id"], "kind": job["kind"], "subject": subject.get("name"), "state": job["state"],
                "progress": f"{job['progress']:.0%} {job.get('progress_note') or ''}", "attempts": job.get("attempts"),
                "created": job.get("created_at"), "finished": job.get("finished_at"),
            }
        )  # fmt: skip
    if is_waiting and not is_json:
        raise_if_failed(job)
    if is_waiting and job["state"] != "succeeded":
        raise typer.Exit(1)
