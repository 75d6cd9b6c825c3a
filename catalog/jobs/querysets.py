"""Which jobs somebody may see, which one a worker takes next, and which ones the sweep must see to."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from catalog.accounts.querysets import Actor, visible_through

if TYPE_CHECKING:
    from catalog.jobs.models import Job, Worker  # noqa: F401  (named in the base classes below)


class JobQuerySet(models.QuerySet["Job", "Job"]):
    """Jobs, by who may see them and by what they wait for."""

    def visible_to(self, actor: Actor) -> "JobQuerySet":
        """One's own jobs and those of one's namespaces; staff see all."""
        own = Q(created_by_id=actor.pk) if actor.is_authenticated else Q(pk__in=[])
        return self.filter(visible_through(actor, "namespace", own))

    def unattended(self) -> "JobQuerySet":
        """Dead letters that an administrator has still to look at."""
        return self.filter(is_dead_letter=True, acknowledged_at=None)

    def due(self, queue: str, now: datetime) -> "JobQuerySet":
        """What a worker of ``queue`` may take, the most urgent first; the index ``job_next`` serves it."""
        waiting = self.filter(queue=queue, state="queued", available_at__lte=now)
        return waiting.order_by("-priority", "available_at", "created_at")

    def unsent(self, now: datetime) -> "JobQuerySet":
        """Waiting, and no message is under way: never sent, to be tried again, or given back."""
        return self.filter(state="queued", available_at__lte=now, sent_at=None).order_by("-priority", "available_at")

    def lost(self, now: datetime) -> "JobQuerySet":
        """Running under a lease that ran out."""
        return self.filter(state="running", lease_until__lte=now)


class WorkerQuerySet(models.QuerySet["Worker", "Worker"]):
    """Workers, by when they were last seen."""

    def silent(self, now: datetime, *, seconds: float) -> "WorkerQuerySet":
        """Those whose last heartbeat is older than ``seconds``."""
        return self.filter(seen_at__lt=now - timedelta(seconds=seconds))
