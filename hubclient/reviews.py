"""The review queue and what belongs to it: cases, threads, statistics, who needs no review, the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .names import AdapterName

if TYPE_CHECKING:
    from .client import Hub


def queue(hub: Hub, **wanted: Any) -> dict[str, Any]:
    """A page of the queue: `show`, `namespace`, `priority`, `kind`, `sort`, `cursor`, `limit`."""
    answer: dict[str, Any] = hub.call("GET", "/reviews", params=wanted)
    return answer


def decide_many(hub: Hub, names: Sequence[str], decision: str, reason: str) -> dict[str, Any]:
    """The same decision about several, each `ns/name@version` (scope `review`): what was `decided`, what `refused`."""
    body = {"revisions": list(names), "decision": decision, "reason": reason}
    answer: dict[str, Any] = hub.call("POST", "/reviews/decisions", json=body)
    return answer


def case(hub: Hub, name: str) -> dict[str, Any]:
    """The case of a revision with everything that was said, over every push of its thread."""
    answer: dict[str, Any] = hub.call("GET", _case(hub, name))
    return answer


def change_case(hub: Hub, name: str, **changes: str) -> dict[str, Any]:
    """Set `assignee` (empty for nobody) or `priority` (scope `review`)."""
    answer: dict[str, Any] = hub.call("PATCH", _case(hub, name), json=changes)
    return answer


def comment(hub: Hub, name: str, text: str) -> dict[str, Any]:
    """Say something in the thread of a revision."""
    answer: dict[str, Any] = hub.call("POST", f"{_case(hub, name)}/comments", json={"text": text})
    return answer


def statistics(hub: Hub, **wanted: Any) -> dict[str, Any]:
    """Time to review: `namespace`, `weeks`."""
    answer: dict[str, Any] = hub.call("GET", "/reviews/statistics", params=wanted)
    return answer


def audit(hub: Hub, **wanted: Any) -> dict[str, Any]:
    """A page of the audit log: `actor`, `action`, `namespace`, `subject`, `since`, `until`, `cursor`, `limit`."""
    answer: dict[str, Any] = hub.call("GET", "/audit", params=wanted)
    return answer


def waivers(hub: Hub, namespace: str, **page: Any) -> dict[str, Any]:
    """A page of those who publish without review, for members."""
    answer: dict[str, Any] = hub.call("GET", _waivers(namespace), params=page)
    return answer


def add_waiver(hub: Hub, namespace: str, **given: Any) -> dict[str, Any]:
    """Let `username`, or everybody of a `role` and above, publish without review (owners, scope `admin`)."""
    answer: dict[str, Any] = hub.call("POST", _waivers(namespace), json=given)
    return answer


def remove_waiver(hub: Hub, namespace: str, waiver_id: int) -> None:
    """Have these pushes reviewed again (owners, scope `admin`)."""
    hub.call("DELETE", f"{_waivers(namespace)}/{waiver_id}")


def _case(hub: Hub, name: str) -> str:
    return f"{AdapterName.parse(name).url_path}/revisions/{hub.commit_of(name)}/case"


def _waivers(namespace: str) -> str:
    return f"/namespaces/{quote(namespace, safe='')}/waivers"
