"""Blob rows around the writing of bytes: expected before, stored after, never answered for in between.

expect_blob   the row exists and is touched: garbage collection keeps away from the digest
promote       the store writes the object (seconds or minutes, no transaction open)
add_blob      inside the commit's transaction: the row is locked, the object is there, the row is stored
"""

from django.db import transaction
from django.db.models.functions import Now

from catalog.adapters.models import Blob, BlobState, Revision
from catalog.errors import Busy
from catalog.removals.refusing import refuse_removed
from catalog.reviews.audit import record
from catalog.store import blob_store
from storage import BlobReceipt


def expect_blob(sha256: str, size_bytes: int) -> None:
    """Say that the bytes of ``sha256`` are about to be written: its row exists, is touched now and not condemned.

    Call it before every promotion, outside any transaction. It waits while garbage collection deletes this very
    object. One statement, whether the digest is known or not, so that the time it takes tells a stranger nothing.
    """
    with transaction.atomic(durable=True):
        Blob.objects.bulk_create(
            [Blob(sha256=sha256, size_bytes=size_bytes, state=BlobState.ARRIVING, touched_at=Now())],
            update_conflicts=True,
            unique_fields=["sha256"],
            update_fields=["touched_at", "condemned_at"],
        )
        _forget_damaged(sha256)


def add_blob(receipt: BlobReceipt) -> Blob:
    """The row for bytes that the store has just hashed; call it inside the transaction that refers to them.

    The row stays locked until that transaction ends. With several blobs, call it in the order of their digests, so
    that two commits never wait for each other.

    Raises:
        Busy: the bytes were collected meanwhile (they took longer than the grace); promote them again.
        Conflict: ``bytes_were_removed`` for good.
    """
    refuse_removed([receipt.sha256])
    blob = Blob.objects.select_for_update().filter(pk=receipt.sha256).first()
    if blob is None or (blob.state != BlobState.STORED and not blob_store().has(blob.sha256)):
        raise Busy(detail="the bytes were collected before they were used", hint="Finish again.")
    if blob.state != BlobState.STORED and blob.git_id:
        Blob.objects.filter(pk=blob.pk).update(scrubbed_at=None)
        record(None, "heal", blob, before=blob.state, after=BlobState.STORED, note="the same bytes were pushed again")
    changed = {"git_id": receipt.git_id, "size_bytes": receipt.size_bytes, "state": BlobState.STORED}
    Blob.objects.filter(pk=blob.pk).update(**changed, condemned_at=None, touched_at=Now())
    for name, value in changed.items():
        setattr(blob, name, value)
    return blob


def require_stored(state: str) -> None:
    """Raise Busy ``blob_damaged`` unless a blob in this state has its bytes here and right."""
    if state != BlobState.STORED:
        raise Busy(
            "blob_damaged",
            "the store's copy of this file is damaged, and the hub does not hand it out",
            hint="Whoever has the same files may push them again; an administrator may restore a backup.",
        )


def is_whole(revision: Revision) -> bool:
    """Whether every file of the revision is here and right."""
    return not revision.files.exclude(blob__state=BlobState.STORED).exists()


def _forget_damaged(sha256: str) -> None:
    """Make way for good bytes: a store may skip the writing where an object of the right size lies."""
    if Blob.objects.select_for_update().filter(pk=sha256, state=BlobState.DAMAGED).first() is not None:
        blob_store().delete(sha256)
        Blob.objects.filter(pk=sha256).update(state=BlobState.ARRIVING)
