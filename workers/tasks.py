"""The one Celery task: take a job's id and supervise it to its end."""

from celery import shared_task

from workers.supervisor import supervise


@shared_task(name="hub.run_job")
def run_job(job_id: str) -> None:
    """Run the job if nobody else does. Lost, late and duplicate messages are harmless."""
    supervise(job_id)
