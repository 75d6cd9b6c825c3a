"""Policies of a namespace: which sets measure what is pushed there, and which guard publication."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from .client import Hub


def policies(hub: Hub, namespace: str, **page: Any) -> dict[str, Any]:
    """A page of them, for members."""
    answer: dict[str, Any] = hub.call("GET", _path(namespace), params=page)
    return answer


def add_policy(
    hub: Hub,
    namespace: str,
    evaluation_set: str,
    *,
    task: str = "",
    language: str = "",
    largest_drop: float | None = None,
    most_negative_flips: float | None = None,
) -> dict[str, Any]:
    """Measure every upload of a task and language, empty for any, on a set (owners).

    With a limit, what is worse than the version before by more than `largest_drop`, or has more than that share of
    rows turned from right to wrong, is not published.
    """
    body = {
        "evaluation_set": evaluation_set,
        "task": task,
        "language": language,
        "largest_drop": largest_drop,
        "most_negative_flips": most_negative_flips,
    }
    answer: dict[str, Any] = hub.call("POST", _path(namespace), json=body)
    return answer


def remove_policy(hub: Hub, namespace: str, policy_id: int) -> None:
    """Delete one (owners)."""
    hub.call("DELETE", f"{_path(namespace)}/{policy_id}")


def _path(namespace: str) -> str:
    return f"/namespaces/{quote(namespace, safe='')}/policies"
