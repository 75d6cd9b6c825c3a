"""What the hub does for itself now and then: collect garbage every hour, scrub every day."""

import logging
from collections.abc import Callable

from django.conf import settings

from catalog.retention import collection, scrubbing
from catalog.retention.routines import is_my_turn

log = logging.getLogger(__name__)
_DAY_SECONDS = 24 * 3600


def collect_garbage() -> None:
    """Delete what nothing refers to; once a day after a look at every object of the store."""
    collection.collect_garbage(with_orphans=is_my_turn("orphans", _DAY_SECONDS))


def scrub() -> None:
    """Hash a share of what the store holds again."""
    scrubbing.scrub(share=settings.HUB_SCRUB_SHARE)


def run_due() -> None:
    """Do whatever is due. Any number of processes may ask at any time; each routine falls to one of them."""
    routines: dict[str, tuple[float, Callable[[], None]]] = {
        "collect_garbage": (settings.HUB_GC_EVERY_SECONDS, collect_garbage),
        "scrub": (_DAY_SECONDS, scrub),
    }
    for name, (every_seconds, routine) in routines.items():
        if is_my_turn(name, every_seconds):
            try:
                routine()
            except Exception:
                log.exception("%s failed; it comes again in its turn", name)
