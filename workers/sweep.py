"""The sweep: frees and sends jobs that nobody runs, and clears what was left behind. Every worker sweeps."""

import logging
import random
import threading
import time

from django.conf import settings
from django.db import close_old_connections, connection

from catalog.jobs import services as jobs
from catalog.jobs.heartbeats import forget_lost_workers
from catalog.search.downloads import carry_downloads
from catalog.search.floors import make_floors
from catalog.search.totals import recount_if_due
from catalog.uploads.services import drop_stale_staging, expire_uploads
from workers.kinds import abandon_exhausted
from workers.process import this_worker

log = logging.getLogger(__name__)
# Listing a store costs requests, and what it finds is in nobody's way.
_STAGING_SECONDS = 600.0
_staging_due = 0.0


def sweep_once() -> int:
    """One round. Returns how many jobs were sent again."""
    close_old_connections()
    try:
        sent = jobs.sweep(abandon_exhausted)
        expire_uploads()
        forget_lost_workers()
        carry_downloads()
        if recount_if_due():
            make_floors(connection)
        if not this_worker().clock_problem:
            _drop_stale_staging_if_due()
        return sent
    finally:
        close_old_connections()


def _drop_stale_staging_if_due() -> None:
    global _staging_due
    if time.monotonic() >= _staging_due:
        _staging_due = time.monotonic() + _STAGING_SECONDS
        drop_stale_staging()


def sweep_until(stopped: threading.Event) -> None:
    """A round now and about every ``HUB_JOB_SWEEP_SECONDS``, until ``stopped`` is set; a bad round does not end it."""
    while True:
        try:
            sweep_once()
        except Exception:
            log.exception("a sweep failed; the next one follows")
        if stopped.wait(settings.HUB_JOB_SWEEP_SECONDS * random.uniform(0.8, 1.0)):
            return
