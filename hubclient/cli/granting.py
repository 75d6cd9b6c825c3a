"""access list, grant, revoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, Cursor, HubUrl, Limit, open_hub

app = typer.Typer(help="Who else may see an adapter, and until when.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command()
def grant(
    name: Name,
    user: Annotated[str, typer.Option(help="This user.")] = "",
    namespace: Annotated[str, typer.Option(help="Every member of this namespace.")] = "",
    days: Annotated[float | None, typer.Option(min=0, help="For so many days; for ever when left out.")] = None,
    until: Annotated[datetime | None, typer.Option(metavar="DATE", help="Until then (UTC).")] = None,
    note: Annotated[str, typer.Option(help="What for.")] = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Let somebody see an adapter. Example: hubclient access grant team/ner --user ada --days 30"""
    if bool(user) == bool(namespace):
        raise UsageError("Give --user or --namespace, one of the two.", field="user")
    if days is not None and until is not None:
        raise UsageError("Give --days or --until, not both.", field="until")
    end = datetime.now(UTC) + timedelta(days=days) if days is not None else until and until.replace(tzinfo=UTC)
    with open_hub(url) as hub:
        made = hub.grant(name, user=user, namespace=namespace, expires_at=end.isoformat() if end else None, note=note)
    if is_json:
        output.emit_json(made)
    else:
        output.say(f"Grant {made['id']}: {_who(made)} may see {name} {_until(made)}.")


@app.command("list")
def list_grants(
    name: Name, cursor: Cursor = None, limit: Limit = 20, url: HubUrl = None, is_json: AsJson = False
) -> None:
    """List who else may see an adapter. Example: hubclient access list team/ner"""
    with open_hub(url) as hub:
        page = hub.grants(name, cursor=cursor, limit=limit)
    if is_json:
        output.emit_json(page)
        return
    rows = ((row["id"], _who(row), _until(row), row["granted_by"], row["note"]) for row in page["results"])
    output.table(("id", "who", "until", "by", "note"), rows)
    if page.get("next_cursor"):
        output.note(f"go on with --cursor {page['next_cursor']}")


@app.command()
def revoke(
    name: Name,
    grant_id: Annotated[int, typer.Argument(metavar="ID", help="From `access list`.")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Take a grant back, at once. Example: hubclient access revoke team/ner 3"""
    with open_hub(url) as hub:
        hub.revoke(name, grant_id)
    if is_json:
        output.emit_json({"revoked": grant_id})
    else:
        output.say(f"Grant {grant_id} on {name} is gone.")


def _who(grant: dict[str, Any]) -> str:
    return str(grant["user"]) if grant["user"] else f"members of {grant['namespace']}"


def _until(grant: dict[str, Any]) -> str:
    return f"until {grant['expires_at'][:16]}" if grant["expires_at"] else "until it is taken back"
