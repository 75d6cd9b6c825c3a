"""The heartbeat: the worker's row says every few seconds that it is alive, whether it stops, what its clock says."""

import logging

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from catalog.jobs import heartbeats
from catalog.jobs.clock import clock_skew_seconds, is_skewed
from workers.process import WorkerProcess

log = logging.getLogger(__name__)


def beat(worker: WorkerProcess) -> None:
    """Look at the clock and write the worker's row. The log tells of a database that is away; the next beat follows."""
    try:
        skew_seconds = clock_skew_seconds()
        judge_clock(worker, skew_seconds)
        heartbeats.beat(
            worker.name,
            host=worker.host,
            pid=worker.pid,
            queues=worker.queues,
            is_stopping=worker.is_stopping,
            clock_skew_seconds=skew_seconds,
        )
    except DatabaseError as error:
        log.warning("the heartbeat was not written (%s)", type(error).__name__)
    finally:
        close_old_connections()


def judge_clock(worker: WorkerProcess, skew_seconds: float) -> None:
    """A worker whose clock is wrong claims nothing until it is right: S3 would refuse its requests, and jobs fail."""
    was_wrong = bool(worker.clock_problem)
    worker.clock_problem = ""
    if is_skewed(skew_seconds):
        side = "ahead of" if skew_seconds > 0 else "behind"
        worker.clock_problem = f"the clock of {worker.host} is {abs(skew_seconds):.0f} s {side} the database's"
        log.error("no job is claimed: %s; let NTP set it", worker.clock_problem)
    elif was_wrong:
        log.warning("the clock is right again; jobs are claimed")


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
