"""The Celery tasks: one job more is to run in a queue, and beat's two nudges."""

from celery import shared_task
from django.conf import settings

from workers import maintenance
from workers.process import this_worker
from workers.supervisor import supervise

_DAY_SECONDS = 24 * 3600


@shared_task(name="hub.run_job")
def run_job(job_id: str, queue: str = "cpu") -> None:
    """Run the most urgent job of ``queue``, be it this one or not. Lost, late and duplicate messages are harmless."""
    supervise(job_id, queue=queue)


@shared_task(name="hub.collect_garbage")
def collect_garbage() -> None:
    """Beat's word that an hour has passed; does nothing where a worker has seen to it already."""
    maintenance.run_if_due("collect_garbage", settings.HUB_GC_EVERY_SECONDS, maintenance.collect_garbage)


@shared_task(name="hub.scrub")
def scrub() -> None:
    """Beat's word that it is night; does nothing where a worker has scrubbed today already."""
    maintenance.run_if_due("scrub", _DAY_SECONDS, lambda: maintenance.scrub(this_worker().stopping))
