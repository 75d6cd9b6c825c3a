"""Keep garbage collection away for a while."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connection

from catalog.jobs.clock import database_now
from catalog.retention.models import Hold

log = logging.getLogger(__name__)
_HOLD_SECONDS = 900


@contextmanager
def collection_held(reason: str, *, seconds: float = _HOLD_SECONDS) -> Iterator[None]:
    """Nothing is deleted inside the ``with`` block, however long it takes; a thread renews the hold.

    Open it before looking at what must stay: what nobody referred to before then may be deleted in the same moment.
    """
    hold = Hold.objects.create(reason=reason, expires_at=database_now() + timedelta(seconds=seconds))
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(hold.pk, seconds, ended), name="hold", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
        hold.delete()


def reason_to_wait() -> str:
    """Why nothing may be deleted now, or an empty string."""
    hold = Hold.objects.filter(expires_at__gt=database_now()).order_by("pk").first()
    return hold.reason if hold else ""


def forget_expired() -> None:
    """Drop the holds of those who died."""
    Hold.objects.filter(expires_at__lte=database_now()).delete()


def _renew(pk: int, seconds: float, ended: threading.Event) -> None:
    while not ended.wait(seconds / 3):
        try:
            Hold.objects.filter(pk=pk).update(expires_at=database_now() + timedelta(seconds=seconds))
        except DatabaseError:
            log.warning("the hold on garbage collection could not be renewed; it is tried again")
        finally:
            connection.close()
