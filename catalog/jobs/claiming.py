"""Take the most urgent job of a queue, and hold it by a lease that is renewed while it runs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from catalog.jobs.clock import database_now
from catalog.jobs.events import record_event
from catalog.jobs.models import EventKind, Job, JobState

_CLAIMED_FIELDS = (
    "state",
    "attempts",
    "fencing_token",
    "claimed_by",
    "lease_until",
    "started_at",
    "progress",
    "progress_note",
)


class LeaseLost(Exception):
    """Another worker holds the job now, or it ended: nothing may be written for it any more."""


@dataclass(frozen=True)
class Claim:
    """A claimed job and the fencing token that every write must carry."""

    job: Job
    token: int


def claim(queue: str = "cpu", *, worker: str = "") -> Claim | None:
    """Take the most urgent due job of ``queue`` for the worker of that name; None if there is nothing to do.

    On PostgreSQL a row that another worker is just taking is passed over; on SQLite writers take turns.
    """
    now = database_now()
    due = Job.objects.due(queue, now).filter(attempts__lt=settings.HUB_JOB_MAX_ATTEMPTS)
    with transaction.atomic():
        job = due.select_for_update(skip_locked=True).first()
        if job is None:
            return None
        job.state = JobState.RUNNING
        job.attempts += 1
        job.fencing_token += 1
        job.claimed_by = worker
        job.lease_until = now + timedelta(seconds=settings.HUB_JOB_LEASE_SECONDS)
        job.started_at = now
        job.progress, job.progress_note = 0.0, ""
        job.save(update_fields=_CLAIMED_FIELDS)
        record_event(job.pk, EventKind.CLAIMED, at=now, attempt=job.attempts, who=worker)
    return Claim(job, job.fencing_token)


def is_waiting(queue: str) -> bool:
    """Whether a due job waits in ``queue``: one cheap look, without a lock."""
    return Job.objects.due(queue, database_now()).filter(attempts__lt=settings.HUB_JOB_MAX_ATTEMPTS).exists()


def renew(claimed: Claim, *, progress: float | None = None, note: str = "") -> bool:
    """Extend the lease and report progress. Returns False when the job should stop because it was cancelled.

    Raises:
        LeaseLost: the token is no longer the row's.
    """
    changes: dict[str, Any] = {"lease_until": database_now() + timedelta(seconds=settings.HUB_JOB_LEASE_SECONDS)}
    if progress is not None:
        changes |= {"progress": min(max(progress, 0.0), 1.0), "progress_note": note[:200]}
    write_held(claimed, **changes)
    return not Job.objects.filter(pk=claimed.job.pk, is_cancel_requested=True).exists()


def write_held(claimed: Claim, **changes: Any) -> None:
    """Change the job's row while it is held. Raises LeaseLost, and nothing was written, when it is not."""
    held = Job.objects.filter(pk=claimed.job.pk, fencing_token=claimed.token, state=JobState.RUNNING)
    if not held.update(**changes):
        raise LeaseLost(str(claimed.job.pk))
