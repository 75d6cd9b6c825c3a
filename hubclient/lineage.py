"""Where adapters come from, who may see them, and how they are taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import JobFailedError
from .jobs import JobProgress
from .names import AdapterName

if TYPE_CHECKING:
    from .client import Hub


def lineage(hub: Hub, name: str) -> dict[str, Any]:
    """What `ns/name[@version]` was made of, and what was made of it."""
    parsed = AdapterName.parse(name)
    answer: dict[str, Any] = hub.call("GET", f"{parsed.url_path}/lineage", params={"version": parsed.ref})
    return answer


def withdraw(hub: Hub, name: str, reason: str, *, derived: str = "withdraw") -> dict[str, Any]:
    """Withdraw a version, or without one all of an adapter, for ever (owners); `derived` is `withdraw` or `flag`."""
    parsed = AdapterName.parse(name)
    of = f"{parsed.url_path}/versions/{parsed.ref}" if parsed.ref else parsed.url_path
    answer: dict[str, Any] = hub.call("POST", f"{of}/withdraw", json={"reason": reason, "derived": derived})
    return answer


def remove(hub: Hub, name: str, reason: str) -> dict[str, Any]:
    """Withdraw a version or an adapter and have its bytes deleted, with all that contains them (owners)."""
    AdapterName.parse(name)
    answer: dict[str, Any] = hub.call("POST", "/removals", json={"adapter": name, "reason": reason})
    return answer


def removals(hub: Hub, **page: Any) -> dict[str, Any]:
    """A page of removals of one's own namespaces, the newest first."""
    answer: dict[str, Any] = hub.call("GET", "/removals", params=page)
    return answer


def removal(hub: Hub, removal_id: str) -> dict[str, Any]:
    """One removal, with its receipt once it is done."""
    answer: dict[str, Any] = hub.call("GET", f"/removals/{removal_id}")
    return answer


def await_removal(
    hub: Hub, asked: Mapping[str, Any], *, timeout_seconds: float | None, on_progress: JobProgress | None
) -> dict[str, Any]:
    """The removal once its job has ended. Raises JobFailedError where bytes may still be there."""
    if asked.get("job"):
        hub.wait(str(asked["job"]), timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
    ended = removal(hub, str(asked["id"]))
    if ended["state"] != "done":
        error = ended.get("error") or {}
        raise JobFailedError(
            str(error.get("detail") or f"The removal {ended['id']} is {ended['state']}."),
            code=str(error.get("code") or "removal_failed"),
            hint="What was withdrawn stays withdrawn; an administrator lets the job run again.",
        )
    return ended


def grants(hub: Hub, name: str, **page: Any) -> dict[str, Any]:
    """A page of who else may see an adapter, for members of its namespace."""
    answer: dict[str, Any] = hub.call("GET", f"{AdapterName.parse(name).url_path}/access", params=page)
    return answer


def grant(
    hub: Hub, name: str, *, user: str = "", namespace: str = "", expires_at: str | None = None, note: str = ""
) -> dict[str, Any]:
    """Let a user, or the members of a namespace, see what an adapter has published (owners); ISO time of its end."""
    body = {"user": user, "namespace": namespace, "expires_at": expires_at, "note": note}
    answer: dict[str, Any] = hub.call("POST", f"{AdapterName.parse(name).url_path}/access", json=body)
    return answer


def revoke(hub: Hub, name: str, grant_id: int) -> None:
    """Take a grant back (owners)."""
    hub.call("DELETE", f"{AdapterName.parse(name).url_path}/access/{grant_id}")
