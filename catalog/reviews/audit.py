"""Write the audit log."""

from django.db import models

from catalog.accounts.models import User
from catalog.reviews.models import AuditEvent


def record(
    actor: User | None, action: str, subject: models.Model, *, before: str = "", after: str = "", note: str = ""
) -> AuditEvent:
    """Append one event; call it inside the transaction that makes the change."""
    return AuditEvent.objects.create(
        actor=actor.username if actor else "hub",
        action=action,
        subject=str(subject)[:300],
        before=before,
        after=after,
        note=note[:2000],
    )
