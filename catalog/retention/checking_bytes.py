"""Blob rows against the store's objects, both ways."""

from collections.abc import Iterator
from functools import partial

from django.db import transaction

from catalog.adapters.models import Blob, BlobState
from catalog.retention.batches import each
from catalog.retention.findings import Finding
from catalog.retention.orphans import adopt
from catalog.retention.scrubbing import damaged, mark_damaged, problem_of
from catalog.store import blob_store
from storage import StorageError


def check_store() -> Iterator[Finding]:
    """``object_missing``, ``object_size``, ``object_unknown``: the store's list and the table, side by side."""
    listing = blob_store().sizes()
    listed = next(listing, None)
    for row in each(Blob.objects.all()):
        while listed is not None and listed[0] < row.pk:
            yield from _unknown(listed[0])
            listed = next(listing, None)
        size_bytes = None
        if listed is not None and listed[0] == row.pk:
            size_bytes, listed = listed[1], next(listing, None)
        if row.state == BlobState.STORED and size_bytes != row.size_bytes:
            yield from _wrong(row.pk)
    while listed is not None:
        yield from _unknown(listed[0])
        listed = next(listing, None)


def check_blobs() -> Iterator[Finding]:
    """``blob_damaged``: in quarantine, or promised and never come, and a revision needs it."""
    for blob in each(damaged()):
        detail = f"it is {blob.state}; push the same files again, or restore the object from a backup and scrub"
        yield Finding("blob_damaged", blob.sha256, detail)


def check_digests() -> Iterator[Finding]:
    """``object_digest``: the store's bytes hash to something else."""
    for blob in each(Blob.objects.stored()):
        problem = problem_of(blob)
        if problem and Blob.objects.stored().filter(pk=blob.pk).exists():
            yield Finding("object_digest", blob.sha256, problem, partial(mark_damaged, blob, problem))


def _wrong(sha256: str) -> Iterator[Finding]:
    """Asked again with the row locked: nobody writes or deletes the object then."""
    with transaction.atomic():
        blob = Blob.objects.stored().select_for_update().filter(pk=sha256).first()
        if blob is None:
            return
        size_bytes = _size_bytes(sha256)
    if size_bytes is None:
        detail = "the store holds no such object"
        yield Finding("object_missing", sha256, detail, partial(mark_damaged, blob, detail))
    elif size_bytes != blob.size_bytes:
        detail = f"the object has {size_bytes} bytes, the row says {blob.size_bytes}"
        yield Finding("object_size", sha256, detail, partial(mark_damaged, blob, detail))


def _unknown(sha256: str) -> Iterator[Finding]:
    if Blob.objects.filter(pk=sha256).exists() or _size_bytes(sha256) is None:
        return
    yield Finding("object_unknown", sha256, "no row names this object", partial(adopt, sha256))


def _size_bytes(sha256: str) -> int | None:
    try:
        return blob_store().size_bytes(sha256)
    except StorageError as error:
        if error.code == "blob_missing":
            return None
        raise
