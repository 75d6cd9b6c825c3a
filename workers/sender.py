"""Tell the workers that a job waits. Failing to send is no loss: the sweep sends again, and idle workers look."""

import logging
import time

from kombu.exceptions import OperationalError

from workers.tasks import run_job

log = logging.getLogger(__name__)
_PAUSE_SECONDS = 10
_broker_is_away_until = 0.0


def send(job_id: str, queue: str) -> bool:
    """Publish on ``queue`` that there is one job more; returns whether the broker took it.

    After a failure nothing is tried for ten seconds, so that requests do not wait one after the other for a broker
    that does not answer.
    """
    global _broker_is_away_until
    if time.monotonic() < _broker_is_away_until:
        return False
    try:
        run_job.apply_async(args=[job_id, queue], queue=queue)
    except (OperationalError, OSError) as error:
        _broker_is_away_until = time.monotonic() + _PAUSE_SECONDS
        log.warning("job %s was not sent (%s); workers find it by themselves", job_id, type(error).__name__)
        return False
    return True
