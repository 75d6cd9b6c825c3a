"""Claims that must be won, and leases that run out."""

from datetime import timedelta

from django.utils import timezone

from catalog.jobs.models import Job
from catalog.jobs.services import Claim, claim, sweep


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def due_now(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(available_at=timezone.now())


def row(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def held(job: Job) -> Claim:
    """A claim that must be won, and be of this job."""
    claimed = claim(job.queue, worker="the-worker")
    assert claimed is not None
    assert claimed.job.pk == job.pk
    return claimed


def freed(job: Job) -> None:
    """The lease of a running job ran out, and the sweep saw it."""
    expire(job)
    sweep(never)


def never(job: Job) -> None:
    raise AssertionError(f"{job} was given up")
