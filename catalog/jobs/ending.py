"""How a claim ends: well, badly, cancelled, or given back. Every write is conditional on the fencing token."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from catalog.jobs.claiming import Claim, write_held
from catalog.jobs.clock import database_now
from catalog.jobs.events import record_event
from catalog.jobs.models import EventKind, Job, JobState
from catalog.jobs.submitting import send

_RETRY_SECONDS = (2, 10, 60)
# Ends that say nothing about the input, also where another try would end alike.
_NO_VERDICTS = frozenset({"resource_limit", "internal_error"})


def complete(claimed: Claim, effects: Callable[[], dict[str, Any]]) -> None:
    """End the job well. ``effects`` makes its writes to other rows and returns the result, all in one transaction.

    Raises:
        LeaseLost: nothing was written.
    """
    with transaction.atomic():
        _end(claimed, JobState.SUCCEEDED, EventKind.SUCCEEDED, error=None, progress=1.0)
        Job.objects.filter(pk=claimed.job.pk).update(result=effects())


def fail(
    claimed: Claim, *, code: str, detail: str, is_final: bool, effects: Callable[[], None] | None = None
) -> JobState:
    """End an attempt badly: queued again after a pause, or failed for good (then ``effects`` run too).

    A job that failed for good without a verdict about its input is a dead letter.

    Raises:
        LeaseLost: nothing was written.
    """
    error = {"code": code, "detail": detail[:2000]}
    job = claimed.job
    note = f"{code}: {detail}"
    with transaction.atomic():
        if is_final or job.attempts >= settings.HUB_JOB_MAX_ATTEMPTS:
            is_dead_letter = not is_final or code in _NO_VERDICTS
            _end(claimed, JobState.FAILED, EventKind.FAILED, note=note, error=error, is_dead_letter=is_dead_letter)
            if effects is not None:
                effects()
            return JobState.FAILED
        pause = timedelta(seconds=_RETRY_SECONDS[min(job.attempts, len(_RETRY_SECONDS)) - 1])
        _queue_again(claimed, error=error, available_at=database_now() + pause)
        record_event(job.pk, EventKind.ATTEMPT_FAILED, attempt=job.attempts, who=job.claimed_by, note=note)
    return JobState.QUEUED


def give_back(claimed: Claim, *, why: str, pause_seconds: float = 0.0) -> None:
    """Queue a running job again, as if this attempt had not been: another worker takes it, at once or after a pause.

    Raises:
        LeaseLost: nothing was written.
    """
    job = claimed.job
    pause = {"available_at": database_now() + timedelta(seconds=pause_seconds)} if pause_seconds else {}
    with transaction.atomic():
        _queue_again(claimed, attempts=F("attempts") - 1, progress=0.0, progress_note="", **pause)
        record_event(job.pk, EventKind.GIVEN_BACK, attempt=job.attempts, who=job.claimed_by, note=why)
        if not pause_seconds:
            transaction.on_commit(lambda: send(job.pk, job.queue))


def stop_cancelled(claimed: Claim, *, effects: Callable[[], None] | None = None) -> None:
    """End a running job that somebody asked to cancel. Raises LeaseLost."""
    error = {"code": "cancelled", "detail": "cancelled on request"}
    with transaction.atomic():
        _end(claimed, JobState.CANCELLED, EventKind.CANCELLED, error=error)
        if effects is not None:
            effects()


def _end(claimed: Claim, state: JobState, kind: EventKind, *, note: str = "", **changes: Any) -> None:
    job, now = claimed.job, database_now()
    write_held(claimed, state=state, lease_until=None, finished_at=now, **changes)
    record_event(job.pk, kind, at=now, attempt=job.attempts, who=job.claimed_by, note=note)


def _queue_again(claimed: Claim, **changes: Any) -> None:
    write_held(claimed, state=JobState.QUEUED, lease_until=None, sent_at=None, claimed_by="", **changes)
