"""review waivers, waive, unwaive, stats, log: who needs no review, how long reviews take, what was changed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output, reviews
from ..errors import UsageError
from .options import AsJson, Cursor, HubUrl, Limit, open_hub

Namespace = Annotated[str, typer.Argument(metavar="NAMESPACE")]


def register(app: typer.Typer) -> None:
    """Add these commands to the group `review`."""
    app.command("waivers")(list_waivers)
    app.command()(waive)
    app.command()(unwaive)
    app.command()(stats)
    app.command()(log)


def list_waivers(
    namespace: Namespace, cursor: Cursor = None, limit: Limit = 20, url: HubUrl = None, is_json: AsJson = False
) -> None:
    """List who publishes without review. Example: hubclient review waivers team"""
    with open_hub(url) as hub:
        page = reviews.waivers(hub, namespace, cursor=cursor, limit=limit)
    _page(page, ("id", "who", "covers", "given by"), _waiver_row, is_json=is_json)


def waive(
    namespace: Namespace,
    user: Annotated[str, typer.Option(help="One who may push there.")] = "",
    role: Annotated[str, typer.Option(help="owner, reviewer or writer, and those above.")] = "",
    first: Annotated[bool, typer.Option("--first-versions", help="First versions too.")] = False,
    warned: Annotated[bool, typer.Option("--with-warnings", help="Whatever validation warns of.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Let somebody publish without review. Example: hubclient review waive team --user ada"""
    if bool(user) == bool(role):
        raise UsageError("Say --user or --role.", field="user")
    with open_hub(url) as hub:
        made = reviews.add_waiver(
            hub, namespace, username=user, role=role, is_update_only=not first, is_clean_only=not warned
        )
    if is_json:
        output.emit_json(made)
    else:
        output.say(f"Waiver {made['id']}: {_holder(made)} publishes in {namespace} without review: {_covers(made)}.")


def unwaive(
    namespace: Namespace,
    waiver_id: Annotated[int, typer.Argument(metavar="ID", help="From `review waivers`.")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Have these pushes reviewed again. Example: hubclient review unwaive team 3"""
    with open_hub(url) as hub:
        reviews.remove_waiver(hub, namespace, waiver_id)
    if is_json:
        output.emit_json({"removed": waiver_id})
    else:
        output.say(f"Waiver {waiver_id} of {namespace} is gone.")


def stats(
    namespace: Annotated[str | None, typer.Option()] = None,
    weeks: Annotated[int, typer.Option(min=1, max=52)] = 12,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Show how long reviews take. Example: hubclient review stats --namespace team --weeks 4"""
    with open_hub(url) as hub:
        found = reviews.statistics(hub, namespace=namespace, weeks=weeks)
    if is_json:
        output.emit_json(found)
        return
    rows = [("all", found), *((week["begins"], week) for week in found["weeks"] if week["count"])]
    output.table(
        ("week of", "decided", "median", "nine of ten within"),
        ((name, row["count"], _lasted(row["median_seconds"]), _lasted(row["p90_seconds"])) for name, row in rows),
    )
    output.note(f"{found['waiting']} wait now")


def log(
    actor: Annotated[str | None, typer.Option(help="Who did it.")] = None,
    action: Annotated[str | None, typer.Option(help="Such as publish, reject, grant.")] = None,
    namespace: Annotated[str | None, typer.Option()] = None,
    subject: Annotated[str | None, typer.Option(help="The start of a name.")] = None,
    since: Annotated[str | None, typer.Option(metavar="MOMENT", help="Such as 2027-01-31T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(metavar="MOMENT")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Read the audit log, newest first. Example: hubclient review log --namespace team --action publish"""
    with open_hub(url) as hub:
        page = reviews.audit(
            hub,
            actor=actor,
            action=action,
            namespace=namespace,
            subject=subject,
            since=since,
            until=until,
            cursor=cursor,
            limit=limit,
        )
    _page(page, ("when", "who", "action", "of what", "change", "note"), _event_row, is_json=is_json)


def _page(page: dict[str, Any], headings: tuple[str, ...], row: Any, *, is_json: bool) -> None:
    if is_json:
        output.emit_json(page)
        return
    output.table(headings, map(row, page["results"]))
    if page.get("next_cursor"):
        output.note(f"go on with --cursor {page['next_cursor']}")


def _waiver_row(waiver: dict[str, Any]) -> tuple[Any, ...]:
    return waiver["id"], _holder(waiver), _covers(waiver), waiver["created_by"]


def _event_row(event: dict[str, Any]) -> tuple[Any, ...]:
    change = f"{event['before']} -> {event['after']}" if event["before"] or event["after"] else ""
    return event["created_at"], event["actor"], event["action"], event["subject"], change, event["note"]


def _holder(waiver: dict[str, Any]) -> str:
    return str(waiver["user"] or f"every {waiver['role']} and above")


def _covers(waiver: dict[str, Any]) -> str:
    what = "new versions" if waiver["is_update_only"] else "first versions too"
    return f"{what}, {'without warnings' if waiver['is_clean_only'] else 'whatever is warned of'}"


def _lasted(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
