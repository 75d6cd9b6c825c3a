"""Which jobs somebody may see, and which ones the sweep must send."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from catalog.accounts.querysets import Actor, visible_through

if TYPE_CHECKING:
    from catalog.jobs.models import Job  # noqa: F401  (named in the base class below)


class JobQuerySet(models.QuerySet["Job", "Job"]):
    """Jobs, by who may see them and by what they wait for."""

    def visible_to(self, actor: Actor) -> "JobQuerySet":
        """One's own jobs and those of one's namespaces; staff see all."""
        own = Q(created_by_id=actor.pk) if actor.is_authenticated else Q(pk__in=[])
        return self.filter(visible_through(actor, "namespace", own))

    def due(self, now: datetime, *, resend_after_seconds: int) -> "JobQuerySet":
        """Never sent, sent long ago and still queued, or running under a lease that ran out."""
        sent_long_ago = now - timedelta(seconds=resend_after_seconds)
        waiting = Q(state="queued", available_at__lte=now) & (Q(sent_at=None) | Q(sent_at__lte=sent_long_ago))
        return self.filter(waiting | Q(state="running", lease_until__lte=now))
