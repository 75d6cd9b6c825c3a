"""Objects that no row knows: they get a row, and go the way of everything that nothing refers to."""

from collections.abc import Iterator
from itertools import islice

from django.db.models.functions import Now

from catalog.adapters.models import Blob, BlobState
from catalog.store import blob_store
from storage import StorageError

_BATCH = 500


def orphans() -> Iterator[str]:
    """Digests of objects without a row, while the store is listed.

    A push writes its row before its object, so that an object in the listing either has its row by now or is unknown.
    """
    listing = blob_store().digests()
    while digests := list(islice(listing, _BATCH)):
        known = set(Blob.objects.filter(pk__in=digests).values_list("pk", flat=True))
        yield from (digest for digest in digests if digest not in known)


def adopt_orphans() -> int:
    """Give every orphan a row as of now: nobody has hashed it, and its grace begins. Returns how many."""
    return sum(adopt(digest) for digest in orphans())


def adopt(sha256: str) -> int:
    """Give one object a row, unless it has one or is gone. Returns whether it was there, as a number."""
    try:
        size_bytes = blob_store().size_bytes(sha256)
    except StorageError as error:
        if error.code == "blob_missing":
            return 0
        raise
    row = Blob(sha256=sha256, size_bytes=size_bytes, state=BlobState.ARRIVING, touched_at=Now())
    Blob.objects.bulk_create([row], ignore_conflicts=True)
    return 1
