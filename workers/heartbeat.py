"""The heartbeat: the worker's row says every few seconds that it is alive, and whether it is stopping."""

import logging

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from catalog.jobs import heartbeats
from workers.process import WorkerProcess

log = logging.getLogger(__name__)


def beat(worker: WorkerProcess) -> None:
    """Write the worker's row. A database that is away is said once in the log; the next beat follows."""
    try:
        heartbeats.beat(
            worker.name, host=worker.host, pid=worker.pid, queues=worker.queues, is_stopping=worker.is_stopping
        )
    except DatabaseError as error:
        log.warning("the heartbeat was not written (%s)", type(error).__name__)
    finally:
        close_old_connections()


def beat_until_stopped(worker: WorkerProcess) -> None:
    """Beat three times in a lease, and once more when the worker begins to stop."""
    while True:
        beat(worker)
        if worker.is_stopping:
            return
        worker.stopping.wait(settings.HUB_JOB_LEASE_SECONDS / 3)


def sign_off(worker: WorkerProcess) -> None:
    """Take the worker's row away: it stopped in order."""
    try:
        heartbeats.sign_off(worker.name)
    except DatabaseError as error:
        log.warning("the worker could not sign off (%s)", type(error).__name__)
    finally:
        close_old_connections()
