"""What the hub does for itself now and then: garbage and fingerprints hourly, the rest daily; all offer."""

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import close_old_connections

from catalog.fits.comparing import bases_behind, request_comparison
from catalog.fits.filling import without_shapes
from catalog.fits.pruning import drop_unused_shapes
from catalog.retention import collection, pruning, scrubbing
from catalog.retention.routines import is_my_turn
from catalog.similarity.recording import request_missing
from workers.process import this_worker

log = logging.getLogger(__name__)
_HOUR_SECONDS = 3600
_DAY_SECONDS = 24 * _HOUR_SECONDS
_LOOK_SECONDS = 60


def collect_garbage() -> None:
    """Delete what nothing refers to; once a day after a look at every object of the store."""
    collection.collect_garbage(with_orphans=is_my_turn("orphans", _DAY_SECONDS))


def scrub(stopped: threading.Event | None = None) -> None:
    """Hash a share of what the store holds again; the rest is left to the next run where ``stopped`` is set."""
    scrubbing.scrub(share=settings.HUB_SCRUB_SHARE, is_stopping=stopped.is_set if stopped else None)


def prune_jobs(stopped: threading.Event | None = None) -> None:
    """Delete jobs that ended long ago; the rest is left to the next run where ``stopped`` is set."""
    pruning.prune_jobs(is_stopping=stopped.is_set if stopped else None)


def request_fingerprints() -> None:
    """Ask for the fingerprints that are missing, a thousand at a time."""
    request_missing()


def compare_shapes() -> None:
    """Drop shape sets that nothing uses, and ask for the comparison of those that were not compared."""
    drop_unused_shapes()
    if without_shapes(1) or bases_behind():
        request_comparison()


def run_due(stopped: threading.Event | None = None) -> None:
    """Do whatever is due. Any number of processes may ask at any time; each routine falls to one of them."""
    run_if_due("collect_garbage", settings.HUB_GC_EVERY_SECONDS, collect_garbage)
    run_if_due("scrub", _DAY_SECONDS, lambda: scrub(stopped))
    run_if_due("prune_jobs", _DAY_SECONDS, lambda: prune_jobs(stopped))
    run_if_due("fingerprints", _HOUR_SECONDS, request_fingerprints)
    run_if_due("shapes", _DAY_SECONDS, compare_shapes)


def run_if_due(name: str, every_seconds: float, routine: Callable[[], None]) -> None:
    """Do the routine if it has not been done for ``every_seconds``; it falls to one of all processes that ask."""
    close_old_connections()
    try:
        if is_my_turn(name, every_seconds):
            routine()
    except Exception:
        log.exception("%s failed; it comes again in its turn", name)
    finally:
        close_old_connections()


def maintain_until(stopped: threading.Event) -> None:
    """Look for what is due once a minute, until ``stopped`` is set; never in the way of the sweep."""
    while not stopped.wait(min(_LOOK_SECONDS, settings.HUB_GC_EVERY_SECONDS)):
        if not this_worker().clock_problem:
            run_due(stopped)
