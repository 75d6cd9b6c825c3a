"""The sweep: frees what lost workers held, gives up what cannot end, and sends what nobody was told of.

Every worker sweeps, so that no single process is needed; each step is conditional on the row it saw.
"""

from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from catalog.jobs.clock import database_now
from catalog.jobs.events import record_event
from catalog.jobs.models import EventKind, Job, JobState
from catalog.jobs.submitting import send
from catalog.observing import observe

_MOST = 500


def sweep(on_exhausted: Callable[[Job], None]) -> int:
    """Free jobs whose lease ran out, give up on those without attempts left, and send those that wait unsent.

    ``on_exhausted`` lets the kind's handler settle what hung on a job that is given up. Returns how many were sent.
    """
    for job in Job.objects.lost(database_now())[:_MOST]:
        if job.attempts >= settings.HUB_JOB_MAX_ATTEMPTS:
            _give_up(job, on_exhausted)
        else:
            _free(job)
    return send_waiting()


def send_waiting() -> int:
    """Send the waiting jobs of which no message is under way; stops at the first that the broker does not take."""
    sent = 0
    for job in Job.objects.unsent(database_now())[:_MOST]:
        if not send(job.pk, job.queue):
            break
        sent += 1
    if sent:
        observe("sweep_sent", sent)
    return sent


def _free(job: Job) -> None:
    """Queue the job again, behind those of its priority that wait already."""
    with transaction.atomic():
        freed = _unchanged(job).update(
            state=JobState.QUEUED, lease_until=None, available_at=database_now(), sent_at=None, claimed_by=""
        )
        if freed:
            _record_loss(job)


def _give_up(job: Job, on_exhausted: Callable[[Job], None]) -> None:
    error = {
        "code": "worker_lost",
        "detail": f"given up after {job.attempts} attempts: the worker was gone before the job ended",
    }
    with transaction.atomic():
        ended = _unchanged(job).update(
            state=JobState.FAILED,
            error=error,
            is_dead_letter=True,
            fencing_token=F("fencing_token") + 1,
            lease_until=None,
            finished_at=database_now(),
        )
        if ended:
            _record_loss(job)
            record_event(job.pk, EventKind.FAILED, attempt=job.attempts, note=error["detail"])
            job.refresh_from_db()
            on_exhausted(job)


def _unchanged(job: Job) -> QuerySet[Job]:
    """The job as the sweep saw it: held by the same claim, and not renewed since."""
    return Job.objects.filter(
        pk=job.pk, state=JobState.RUNNING, fencing_token=job.fencing_token, lease_until=job.lease_until
    )


def _record_loss(job: Job) -> None:
    record_event(job.pk, EventKind.LEASE_LOST, attempt=job.attempts, who=job.claimed_by)
