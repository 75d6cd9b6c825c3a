"""Garbage collection in two phases: what nothing refers to is condemned, later looked at again under its lock, deleted.

    unreferenced, untouched for HUB_GC_GRACE_SECONDS        -> condemned
    condemned for HUB_GC_WAIT_SECONDS, still unreferenced    -> object deleted, then the row, in one transaction

A push touches the row before it writes (``catalog.adapters.blobs.expect_blob``), which lifts the condemnation; while
the row is locked here, that push waits, and then writes the bytes anew. A crash between the two deletions leaves a row
without object that nothing refers to: the next run ends it.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from catalog.adapters.models import Blob, Revision
from catalog.adapters.releasing import release_files
from catalog.jobs.clock import database_now
from catalog.retention.holds import forget_expired, reason_to_wait
from catalog.retention.orphans import adopt_orphans
from catalog.store import blob_store
from storage import StorageError

log = logging.getLogger(__name__)
_BATCH = 500


@dataclass
class Collected:
    """What one run did, or would do."""

    released_revisions: int = 0
    adopted: int = 0
    condemned: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    waiting_for: str = ""
    """Why nothing was deleted: a hold, or an error of the store. The next run goes on."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def collect_garbage(*, with_orphans: bool = True) -> Collected:
    """One run. Safe beside pushes, beside itself, and to kill. ``with_orphans`` lists the whole store first."""
    done = Collected()
    forget_expired()
    done.released_revisions = release_files(refused_long_ago())
    try:
        if with_orphans:
            done.adopted = adopt_orphans()
        done.condemned = _condemn()
        _delete_condemned(done)
    except StorageError as error:
        done.waiting_for = f"{error.code}: {error.detail}"
        log.warning("garbage collection stops here and goes on at its next run: %s", done.waiting_for)
    if done.deleted or done.condemned or done.adopted:
        log.info("garbage collection: %s", done.as_dict())
    return done


def preview() -> Collected:
    """What a run would do now; nothing is changed, and the store is not asked."""
    due = database_now() - timedelta(seconds=settings.HUB_GC_WAIT_SECONDS)
    deletable = Blob.objects.unreferenced().filter(condemned_at__lte=due)
    sizes = list(deletable.values_list("size_bytes", flat=True))
    return Collected(
        released_revisions=refused_long_ago().filter(manifest__isnull=True).count(),
        condemned=_condemnable().count(),
        deleted=len(sizes),
        deleted_bytes=sum(sizes),
        waiting_for=reason_to_wait(),
    )


def refused_long_ago() -> Any:
    """Revisions that were refused, by a machine or a reviewer, over HUB_KEEP_REFUSED_DAYS ago, and withdrawn ones."""
    cutoff = database_now() - timedelta(days=settings.HUB_KEEP_REFUSED_DAYS)
    refused = Revision.objects.filter(state__in=("invalid", "rejected", "returned"), created_at__lte=cutoff)
    return refused.exclude(reviews__created_at__gt=cutoff) | Revision.objects.filter(state="withdrawn")


def _condemnable() -> Any:
    cutoff = database_now() - timedelta(seconds=settings.HUB_GC_GRACE_SECONDS)
    return Blob.objects.unreferenced().filter(condemned_at=None, touched_at__lte=cutoff)


def _condemn() -> int:
    condemned, last = 0, ""
    while True:
        candidates = _condemnable().filter(pk__gt=last).order_by("pk")
        digests = list(candidates.values_list("pk", flat=True)[:_BATCH])
        if not digests:
            return condemned
        last = digests[-1]
        condemned += _condemn_batch(digests)


@transaction.atomic
def _condemn_batch(digests: list[str]) -> int:
    """Rows that somebody holds or has touched since are left alone: waiting for several locks would be a deadlock."""
    cutoff = database_now() - timedelta(seconds=settings.HUB_GC_GRACE_SECONDS)
    untouched = Blob.objects.filter(pk__in=digests, condemned_at=None, touched_at__lte=cutoff)
    locked = list(untouched.select_for_update(skip_locked=True).values_list("pk", flat=True))
    return Blob.objects.filter(pk__in=locked).update(condemned_at=Now())


def _delete_condemned(done: Collected) -> None:
    due = database_now() - timedelta(seconds=settings.HUB_GC_WAIT_SECONDS)
    last = ""
    while True:
        condemned = Blob.objects.filter(condemned_at__lte=due, pk__gt=last).order_by("pk")
        digests = list(condemned.values_list("pk", flat=True)[:_BATCH])
        if not digests:
            return
        for digest in digests:
            done.waiting_for = reason_to_wait()
            if done.waiting_for:
                return
            size_bytes = _delete_one(digest, due)
            if size_bytes is not None:
                done.deleted += 1
                done.deleted_bytes += size_bytes
        last = digests[-1]


@transaction.atomic
def _delete_one(sha256: str, due: datetime) -> int | None:
    """Delete object and row if both are still due; the row stays locked meanwhile. Returns the size in bytes."""
    locked = Blob.objects.select_for_update(skip_locked=True)
    blob = locked.filter(pk=sha256, condemned_at__lte=due).first()
    if blob is None:
        return None
    if Blob.objects.filter(pk=sha256).held().exists():
        Blob.objects.filter(pk=sha256).update(condemned_at=None)
        return None
    # Asked last: whoever took a hold before this moment may already have seen a reference that went away since.
    if reason_to_wait():
        return None
    blob_store().delete(sha256)
    Blob.objects.filter(pk=sha256).delete()
    return blob.size_bytes
