"""The one Celery task for jobs: one job more is to run in a queue."""

from celery import shared_task

from workers.supervisor import supervise


@shared_task(name="hub.run_job")
def run_job(job_id: str, queue: str = "cpu") -> None:
    """Run the most urgent job of ``queue``, be it this one or not. Lost, late and duplicate messages are harmless."""
    supervise(job_id, queue=queue)
