"""The table of workers: each writes its row every few seconds, and takes it away when it stops in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from catalog.jobs.clock import database_now, is_skewed
from catalog.jobs.models import Job, JobState, Worker

_FORGOTTEN_SECONDS = 24 * 3600


@dataclass(frozen=True)
class WorkerLine:
    """A worker as people see it: its row, what it runs, and whether its heartbeat has stopped."""

    worker: Worker
    jobs: list[Job]
    is_lost: bool

    @property
    def is_clock_wrong(self) -> bool:
        """Whether it claims nothing because its clock is too far off."""
        return is_skewed(self.worker.clock_skew_seconds)

    @property
    def job_ids(self) -> list[UUID]:
        """Of the jobs that it runs."""
        return [job.pk for job in self.jobs]


def beat(
    name: str,
    *,
    host: str,
    pid: int,
    queues: Sequence[str],
    is_stopping: bool,
    clock_skew_seconds: float = 0.0,
) -> None:
    """Say that the worker of this name is alive, and how far its clock is ahead of the database's."""
    now = database_now()
    said = {
        "host": host[:100],
        "pid": pid,
        "queues": list(queues),
        "seen_at": now,
        "is_stopping": is_stopping,
        "clock_skew_seconds": round(clock_skew_seconds, 3),
    }
    Worker.objects.update_or_create(name=name, defaults=said, create_defaults={**said, "started_at": now})


def sign_off(name: str) -> None:
    """The worker stopped in order: its row goes."""
    Worker.objects.filter(name=name).delete()


def forget_lost_workers() -> None:
    """Remove the rows of workers that were last seen a day ago."""
    Worker.objects.silent(database_now(), seconds=_FORGOTTEN_SECONDS).delete()


def worker_lines() -> list[WorkerLine]:
    """Every known worker, with the jobs that it holds."""
    lost = set(Worker.objects.silent(database_now(), seconds=settings.HUB_JOB_LEASE_SECONDS).values_list("pk"))
    running: dict[str, list[Job]] = {}
    for job in Job.objects.filter(state=JobState.RUNNING).order_by("started_at"):
        running.setdefault(job.claimed_by, []).append(job)
    return [WorkerLine(worker, running.get(worker.name, []), (worker.name,) in lost) for worker in Worker.objects.all()]
