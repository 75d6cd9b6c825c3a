"""Write and read the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from catalog.accounts.models import Namespace, User
from catalog.accounts.querysets import Actor
from catalog.paging import Page, page_of
from catalog.reviews.models import AuditEvent
from catalog.reviews.querysets import AuditQuerySet

_ORDER = ("-id",)
# How a noun reaches its namespace, the nearest first.
_PATHS = (
    "namespace",
    "adapter.namespace",
    "family.namespace",
    "evaluation_set.namespace",
    "revision.adapter.namespace",
)


def record(
    actor: User | None, action: str, subject: models.Model, *, before: str = "", after: str = "", note: str = ""
) -> AuditEvent:
    """Append one event; call it inside the transaction that makes the change."""
    return AuditEvent.objects.create(
        actor=actor.username if actor else "hub",
        action=action,
        subject=str(subject)[:300],
        namespace=_namespace_of(subject),
        before=before,
        after=after,
        note=note[:2000],
    )


@dataclass(frozen=True)
class AuditFilter:
    """What to read of the log; an empty field stands for anything. ``subject`` is the start of a name."""

    actor: str = ""
    action: str = ""
    namespace: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


def read_log(viewer: Actor, wanted: AuditFilter, *, cursor: str | None = None, limit: int = 50) -> Page[AuditEvent]:
    """One page of what ``viewer`` may read, the newest first. Raises InvalidInput as :func:`page_of`."""
    return page_of(_chosen(AuditEvent.objects.visible_to(viewer), wanted), _ORDER, cursor=cursor, limit=limit)


def actions_of(viewer: Actor) -> list[str]:
    """Every action that occurs in what ``viewer`` may read: one look into the index for each."""
    found: list[str] = []
    seen = AuditEvent.objects.visible_to(viewer).order_by("action")
    while following := seen.filter(action__gt=found[-1] if found else "").values_list("action", flat=True).first():
        found.append(following)
    return found


def _chosen(events: AuditQuerySet, wanted: AuditFilter) -> AuditQuerySet:
    exact = {"actor": wanted.actor, "action": wanted.action, "namespace": wanted.namespace}
    bounds = {
        "subject__startswith": wanted.subject,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
    }
    return events.filter(**{name: value for name, value in {**exact, **bounds}.items() if value})


def _namespace_of(subject: Any) -> str:
    if isinstance(subject, Namespace):
        return subject.name
    for path in _PATHS:
        found = subject
        for name in path.split("."):
            found = getattr(found, name, None)
        if isinstance(found, Namespace):
            return found.name
    return ""
