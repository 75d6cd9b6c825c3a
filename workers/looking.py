"""Looking for work without being told: what makes the workers right whatever the broker does.

Messages only make it quick. An idle worker claims what waits in its queues every few seconds, so a broker that is
away, has lost its data or has stalled in silence costs seconds and no job.
"""

import logging

from django.conf import settings
from django.db import close_old_connections

from catalog.jobs.services import is_waiting
from workers.process import WorkerProcess
from workers.supervisor import supervise

log = logging.getLogger(__name__)


def look_until_stopped(worker: WorkerProcess) -> None:
    """Look every ``HUB_JOB_LOOK_SECONDS`` until the worker stops. One bad look does not end it."""
    while not worker.stopping.wait(settings.HUB_JOB_LOOK_SECONDS):
        try:
            look(worker)
        except Exception:
            log.exception("looking for work failed; the next look follows")
        finally:
            close_old_connections()


def look(worker: WorkerProcess) -> int:
    """Run what waits in the worker's queues while it has room. Returns how many jobs it ran."""
    ran = 0
    for queue in worker.queues:
        while worker.has_room and not worker.why_idle and is_waiting(queue) and supervise(queue=queue):
            ran += 1
    return ran
