"""Ask the hub how much noise an adapter bears, and how calibrated that makes its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import JobFailedError
from .jobs import JobProgress
from .names import AdapterName

if TYPE_CHECKING:
    from .client import Hub


def request(hub: Hub, name: str, evaluation_set: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for the uncertainty of `ns/name[@version]` on a set; the answer waits for its job."""
    parsed = AdapterName.parse(name)
    given = {key: value for key, value in settings.items() if value is not None}
    body = {"version": parsed.ref or "", "evaluation_set": evaluation_set, "settings": given}
    answer: dict[str, Any] = hub.call("POST", f"/adapters/{parsed.full_name}/uncertainty", json=body)
    return answer


def known(hub: Hub, name: str, **filters: Any) -> dict[str, Any]:
    """A page of what is known of the uncertainty of `ns/name`, the newest first."""
    path = f"/adapters/{AdapterName.parse(name).full_name}/uncertainty"
    answer: dict[str, Any] = hub.call("GET", path, params=filters)
    return answer


def await_result(
    hub: Hub, asked: Mapping[str, Any], *, timeout_seconds: float | None, on_progress: JobProgress | None
) -> dict[str, Any]:
    """The uncertainty once its job has ended. Raises JobFailedError with the hub's reason."""
    if asked.get("job"):
        hub.wait(str(asked["job"]), timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
    cursor: str | None = None
    while True:
        page = known(hub, str(asked["adapter"]), **({"cursor": cursor} if cursor else {}))
        found = next((row for row in page["results"] if row["id"] == asked["id"]), None)
        cursor = page.get("next_cursor")
        if found is not None or not cursor:
            break
    if found is not None and found["state"] == "measured":
        return dict(found)
    error = (found or {}).get("error") or {}
    raise JobFailedError(
        str(error.get("detail") or "The uncertainty was not measured."),
        code=str(error.get("code") or "result_missing"),
        hint=error.get("hint"),
    )
