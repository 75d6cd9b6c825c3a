"""Bytes that must go now: deleted under the lock of their digest, without the patience of garbage collection."""

from enum import StrEnum

from django.db import transaction

from catalog.adapters.models import Blob
from catalog.retention.holds import reason_to_wait
from catalog.store import blob_store


class Erased(StrEnum):
    """What became of the bytes of a digest."""

    DELETED = "deleted"
    ABSENT = "absent"
    HELD = "held_elsewhere"
    WAITS = "waits"


@transaction.atomic
def erase(sha256: str) -> Erased:
    """Delete object and row, unless some row still refers to the bytes; the row stays locked meanwhile.

    ``WAITS`` where a backup has taken a hold: ask again later. Raises StorageError.
    """
    blob = Blob.objects.select_for_update().filter(pk=sha256).first()
    if blob is not None and Blob.objects.filter(pk=sha256).held().exists():
        return Erased.HELD
    if reason_to_wait():
        return Erased.WAITS
    was_there = blob_store().has(sha256)
    blob_store().delete(sha256)
    Blob.objects.filter(pk=sha256).delete()
    return Erased.DELETED if was_there else Erased.ABSENT
