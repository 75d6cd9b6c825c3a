"""Keep garbage collection away for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from catalog.jobs.clock import database_now
from catalog.retention.models import Hold

_HOLD_SECONDS = 900


@contextmanager
def collection_held(reason: str, *, seconds: float = _HOLD_SECONDS) -> Iterator[Callable[[], None]]:
    """Nothing is deleted inside the ``with`` block. Yields what renews the hold; call it more often than ``seconds``.

    Open it before looking at what must stay: what nobody referred to before then may be deleted in the same moment.
    """
    hold = Hold.objects.create(reason=reason, expires_at=database_now() + timedelta(seconds=seconds))

    def renew() -> None:
        Hold.objects.filter(pk=hold.pk).update(expires_at=database_now() + timedelta(seconds=seconds))

    try:
        yield renew
    finally:
        hold.delete()


def reason_to_wait() -> str:
    """Why nothing may be deleted now, or an empty string. Holds that ran out are forgotten by collection."""
    hold = Hold.objects.filter(expires_at__gt=database_now()).order_by("pk").first()
    return hold.reason if hold else ""


def forget_expired() -> None:
    """Drop the holds of those who died."""
    Hold.objects.filter(expires_at__lte=database_now()).delete()
