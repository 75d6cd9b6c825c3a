"""Send a job's id to the workers. Failing to send is no loss: the sweep sends again."""

import logging

from kombu.exceptions import OperationalError

from workers.tasks import run_job

log = logging.getLogger(__name__)


def send(job_id: str, queue: str) -> bool:
    """Publish ``job_id`` on ``queue``; returns whether the broker took it."""
    try:
        run_job.apply_async(args=[job_id], queue=queue)
    except (OperationalError, OSError) as error:
        log.warning("job %s was not sent (%s); the sweep will send it", job_id, type(error).__name__)
        return False
    return True
