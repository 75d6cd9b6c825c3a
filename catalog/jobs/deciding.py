"""What people decide about jobs: cancel one, let a dead letter run again, or let it rest."""

from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from catalog.accounts.models import User
from catalog.accounts.querysets import is_staff
from catalog.errors import Conflict, NotPermitted
from catalog.jobs.clock import database_now
from catalog.jobs.events import record_event
from catalog.jobs.models import EventKind, Job, JobState, Priority
from catalog.jobs.submitting import send


def can_cancel(actor: User, job: Job) -> bool:
    """Whether ``actor`` may cancel the job: who asked for it, and administrators."""
    return actor.is_authenticated and (job.created_by_id == actor.pk or is_staff(actor))


def can_retry(actor: User, job: Job) -> bool:
    """Whether ``actor`` may let the job run again: administrators, and only a dead letter."""
    return is_staff(actor) and job.is_dead_letter


def can_acknowledge(actor: User, job: Job) -> bool:
    """Whether ``actor`` may let the job rest: administrators, and only a dead letter that waits for somebody."""
    return can_retry(actor, job) and job.acknowledged_at is None


@transaction.atomic
def cancel(actor: User, job: Job) -> Job:
    """Cancel a job: while it waits, the next worker settles it; while it runs, its worker does at the next renewal.

    Raises:
        NotPermitted. Conflict: ``already_decided`` when it has ended.
    """
    if not can_cancel(actor, job):
        raise NotPermitted(detail="only who submitted a job, or an administrator, cancels it")
    waiting = Job.objects.filter(pk=job.pk, state=JobState.QUEUED)
    changes = {"is_cancel_requested": True, "available_at": database_now(), "sent_at": None}
    if waiting.update(priority=Priority.INTERACTIVE, **changes):
        transaction.on_commit(lambda: send(job.pk, job.queue))
    elif not Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(is_cancel_requested=True):
        raise Conflict("already_decided", f"job {job.pk} has already ended")
    record_event(job.pk, EventKind.CANCEL_REQUESTED, who=actor.username)
    job.refresh_from_db()
    return job


@transaction.atomic
def retry(actor: User, job: Job) -> Job:
    """Let a dead letter run again, with all its attempts; what hung on it is revived first.

    Raises:
        NotPermitted: not an administrator. Conflict: ``not_retryable`` unless it is a dead letter; whatever the kind's
        handler raises when its subject cannot come back (``version_exists``, ``version_reserved``).
    """
    if not is_staff(actor):
        raise NotPermitted(detail="only an administrator lets a job run again")
    job = Job.objects.select_for_update().get(pk=job.pk)
    if not job.is_dead_letter:
        raise Conflict(
            "not_retryable",
            f"job {job.pk} is {job.state} and no dead letter",
            hint="Only jobs that failed without a verdict about their input run again; push again instead.",
        )
    revive: Callable[[Job], None] = import_string(settings.HUB_JOB_REVIVER)
    revive(job)
    now = database_now()
    job.state, job.is_dead_letter, job.is_cancel_requested = JobState.QUEUED, False, False
    job.attempts, job.available_at, job.sent_at, job.claimed_by = 0, now, None, ""
    job.error, job.finished_at, job.acknowledged_at = None, None, None
    job.progress, job.progress_note = 0.0, ""
    job.save()
    record_event(job.pk, EventKind.RETRIED, who=actor.username)
    transaction.on_commit(lambda: send(job.pk, job.queue))
    return job


@transaction.atomic
def acknowledge(actor: User, job: Job, *, note: str = "") -> Job:
    """Say of a dead letter that somebody looked and it may rest: it waits for nobody, and may still run again.

    It goes when other ended jobs go. Once more changes nothing.

    Raises:
        NotPermitted: not an administrator. Conflict: ``no_dead_letter``.
    """
    if not is_staff(actor):
        raise NotPermitted(detail="only an administrator acknowledges a dead letter")
    job = Job.objects.select_for_update().get(pk=job.pk)
    if not job.is_dead_letter:
        raise Conflict("no_dead_letter", f"job {job.pk} is {job.state} and no dead letter")
    if job.acknowledged_at is None:
        job.acknowledged_at = database_now()
        job.save(update_fields=["acknowledged_at"])
        record_event(job.pk, EventKind.ACKNOWLEDGED, who=actor.username, note=note)
    return job
