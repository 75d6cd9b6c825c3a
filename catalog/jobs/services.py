"""Submit, claim, renew, finish, retry, cancel and sweep jobs.

The row is the truth. A message carries only the id, so lost, late and duplicate messages are harmless: whoever gets
one must first win the claim, and every later write is conditional on the fencing token that the claim gave out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from catalog.accounts.models import Namespace, User
from catalog.errors import Conflict
from catalog.jobs.models import FINAL_STATES, Job, JobState

_RETRY_SECONDS = (2, 10, 60)


class LeaseLost(Exception):
    """Another worker holds the job now, or it ended: nothing may be written for it any more."""


@dataclass(frozen=True)
class Claim:
    """A claimed job and the fencing token that every write must carry."""

    job: Job
    token: int


def submit(
    kind: str,
    payload: dict[str, Any],
    *,
    created_by: User | None = None,
    namespace: Namespace | None = None,
    subject: tuple[str, str] = ("", ""),
    queue: str = "cpu",
) -> Job:
    """Write the job's row and, when the surrounding transaction commits, send its id."""
    job = Job.objects.create(
        kind=kind,
        queue=queue,
        payload=payload,
        namespace=namespace,
        created_by=created_by,
        subject_kind=subject[0],
        subject_name=subject[1][:300],
        available_at=timezone.now(),
    )
    transaction.on_commit(lambda: send(job.pk, queue))
    return job


def send(job_id: UUID, queue: str) -> None:
    """Hand the id to the sender named in settings. A broker that is away is no loss: the sweep sends again."""
    sender: Callable[[str, str], bool] = import_string(settings.HUB_JOB_SENDER)
    if sender(str(job_id), queue):
        Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(sent_at=timezone.now())


def claim(job_id: str | UUID) -> Claim | None:
    """Take the job if it waits or its lease ran out; None if there is nothing to do."""
    now = timezone.now()
    free = Q(state=JobState.QUEUED, available_at__lte=now) | Q(state=JobState.RUNNING, lease_until__lte=now)
    with transaction.atomic():
        taken = Job.objects.filter(free, pk=job_id, attempts__lt=settings.HUB_JOB_MAX_ATTEMPTS).update(
            state=JobState.RUNNING,
            attempts=F("attempts") + 1,
            fencing_token=F("fencing_token") + 1,
            lease_until=now + timedelta(seconds=settings.HUB_JOB_LEASE_SECONDS),
            started_at=now,
            progress=0.0,
            progress_note="",
        )
        if not taken:
            return None
        job = Job.objects.get(pk=job_id)
    return Claim(job, job.fencing_token)


def renew(claimed: Claim, *, progress: float | None = None, note: str = "") -> bool:
    """Extend the lease and report progress. Returns False when the job should stop because it was cancelled.

    Raises:
        LeaseLost: the token is no longer the row's.
    """
    changes: dict[str, Any] = {"lease_until": timezone.now() + timedelta(seconds=settings.HUB_JOB_LEASE_SECONDS)}
    if progress is not None:
        changes |= {"progress": min(max(progress, 0.0), 1.0), "progress_note": note[:200]}
    if not _held(claimed).update(**changes):
        raise LeaseLost(str(claimed.job.pk))
    return not Job.objects.filter(pk=claimed.job.pk, is_cancel_requested=True).exists()


def complete(claimed: Claim, effects: Callable[[], dict[str, Any]]) -> None:
    """End the job well. ``effects`` makes its writes to other rows and returns the result, all in one transaction.

    Raises:
        LeaseLost: nothing was written.
    """
    with transaction.atomic():
        ended = _held(claimed).update(
            state=JobState.SUCCEEDED, error=None, progress=1.0, lease_until=None, finished_at=timezone.now()
        )
        if not ended:
            raise LeaseLost(str(claimed.job.pk))
        Job.objects.filter(pk=claimed.job.pk).update(result=effects())


def fail(
    claimed: Claim, *, code: str, detail: str, is_final: bool, effects: Callable[[], None] | None = None
) -> JobState:
    """End an attempt badly: queued again after a pause, or failed for good (then ``effects`` run too).

    Raises:
        LeaseLost: nothing was written.
    """
    error = {"code": code, "detail": detail[:2000]}
    attempts = claimed.job.attempts
    with transaction.atomic():
        if is_final or attempts >= settings.HUB_JOB_MAX_ATTEMPTS:
            _end(claimed, JobState.FAILED, error, effects)
            return JobState.FAILED
        pause = timedelta(seconds=_RETRY_SECONDS[min(attempts, len(_RETRY_SECONDS)) - 1])
        changes = {"state": JobState.QUEUED, "error": error, "lease_until": None, "sent_at": None}
        if not _held(claimed).update(available_at=timezone.now() + pause, **changes):
            raise LeaseLost(str(claimed.job.pk))
    return JobState.QUEUED


def stop_cancelled(claimed: Claim, *, effects: Callable[[], None] | None = None) -> None:
    """End a running job that somebody asked to cancel. Raises LeaseLost."""
    with transaction.atomic():
        _end(claimed, JobState.CANCELLED, {"code": "cancelled", "detail": "cancelled on request"}, effects)


def cancel(job: Job) -> Job:
    """Cancel a job: at once while it waits, at the worker's next renewal while it runs.

    Raises:
        Conflict: ``already_decided`` when it has ended.
    """
    waiting = Job.objects.filter(pk=job.pk, state=JobState.QUEUED)
    if not waiting.update(is_cancel_requested=True, available_at=timezone.now(), sent_at=None):
        if not Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(is_cancel_requested=True):
            raise Conflict("already_decided", f"job {job.pk} has already ended")
    else:
        send(job.pk, job.queue)
    job.refresh_from_db()
    return job


def sweep(on_exhausted: Callable[[Job], None]) -> int:
    """Send every job that was never sent, or whose lease ran out; give up on those without attempts left.

    ``on_exhausted`` lets the kind's handler settle what hung on a job that is given up. Returns how many were sent.
    """
    now = timezone.now()
    sent = 0
    for job in Job.objects.due(now, resend_after_seconds=settings.HUB_JOB_LEASE_SECONDS * 2)[:500]:
        if job.attempts >= settings.HUB_JOB_MAX_ATTEMPTS:
            _give_up(job, on_exhausted)
        else:
            send(job.pk, job.queue)
            sent += 1
    return sent


def _give_up(job: Job, on_exhausted: Callable[[Job], None]) -> None:
    error = {
        "code": "worker_lost",
        "detail": f"given up after {job.attempts} attempts: each time the worker was gone before the job ended",
    }
    with transaction.atomic():
        ended = Job.objects.filter(pk=job.pk, fencing_token=job.fencing_token, state=job.state).update(
            state=JobState.FAILED,
            error=job.error or error,
            fencing_token=F("fencing_token") + 1,
            lease_until=None,
            finished_at=timezone.now(),
        )
        if ended:
            job.refresh_from_db()
            on_exhausted(job)


def _held(claimed: Claim) -> Any:
    return Job.objects.filter(pk=claimed.job.pk, fencing_token=claimed.token, state=JobState.RUNNING)


def _end(claimed: Claim, state: JobState, error: dict[str, Any], effects: Callable[[], None] | None) -> None:
    changes = {"state": state, "error": error, "lease_until": None, "finished_at": timezone.now()}
    if not _held(claimed).update(**changes):
        raise LeaseLost(str(claimed.job.pk))
    if effects is not None:
        effects()


__all__ = [
    "FINAL_STATES",
    "Claim",
    "LeaseLost",
    "cancel",
    "claim",
    "complete",
    "fail",
    "renew",
    "send",
    "submit",
    "sweep",
]
