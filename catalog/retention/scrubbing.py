"""Read blobs again and hash them: what the store hands out wrongly is put in quarantine."""

import hashlib
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.adapters.models import Blob, BlobState
from catalog.adapters.querysets import BlobQuerySet
from catalog.jobs.clock import database_now
from catalog.reviews.audit import record
from catalog.store import blob_store
from storage import StorageError

log = logging.getLogger(__name__)
_BATCH = 1000


@dataclass
class Scrubbed:
    """What one run saw."""

    hashed: int = 0
    hashed_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    """Digests found wrong in this run."""
    healed: list[str] = field(default_factory=list)
    """Digests that were in quarantine, and whose bytes are right again."""
    waiting_for: str = ""
    """The error of the store that ended the run early; the next run goes on where this one stopped."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def scrub(*, share: float, is_stopping: Callable[[], bool] | None = None) -> Scrubbed:
    """Hash ``share`` (0 to 1) of all blobs again, those that were not looked at for longest first.

    Between two blobs ``is_stopping`` is asked whether to leave the rest to the next run.
    """
    done, begun_at = Scrubbed(), database_now()
    left = math.ceil(_looked_at().count() * share)
    while left > 0:
        due = _looked_at().filter(Q(scrubbed_at=None) | Q(scrubbed_at__lt=begun_at))
        batch = list(due.order_by(F("scrubbed_at").asc(nulls_first=True), "pk")[: min(left, _BATCH)])
        if not batch:
            break
        left -= len(batch)
        try:
            for blob in batch:
                if is_stopping is not None and is_stopping():
                    return done
                _scrub_one(blob, done)
        except StorageError as error:
            done.waiting_for = f"{error.code}: {error.detail}"
            log.warning("the scrub stops here and goes on at its next run: %s", done.waiting_for)
            break
    log.info("scrub: %d blobs, %d bytes, %d damaged", done.hashed, done.hashed_bytes, len(done.damaged))
    return done


def damaged() -> BlobQuerySet:
    """Blobs that revisions, sets or families hold and whose bytes are not here, or not right. Metrics count them."""
    return Blob.objects.exclude(state=BlobState.STORED).held()


def mark_damaged(blob: Blob, problem: str) -> bool:
    """Put a blob in quarantine, unless it changed since ``blob`` was read: then somebody is writing it."""
    with transaction.atomic():
        unchanged = Blob.objects.filter(pk=blob.pk, touched_at__lte=blob.touched_at).exclude(state=BlobState.DAMAGED)
        if not unchanged.update(state=BlobState.DAMAGED, scrubbed_at=Now()):
            return False
        names = ", ".join(_users_of(blob)[:10])
        record(None, "damage", blob, before=blob.state, after=BlobState.DAMAGED, note=f"{problem}; used by {names}")
    log.error("%s is damaged: %s; used by %s", blob, problem, names)
    return True


def _users_of(blob: Blob) -> list[str]:
    ways = (
        (blob.files, "revision__adapter"),
        (blob.set_files, "revision__evaluation_set"),
        (blob.bases, "family"),
        (blob.fits, "basis__family"),
        (blob.basis_parts, "basis__family"),
    )
    found = (rows.values_list(f"{way}__namespace__name", f"{way}__name").distinct() for rows, way in ways)
    return [f"{namespace}/{name}" for names in found for namespace, name in names]


def problem_of(blob: Blob) -> str:
    """What is wrong with the store's copy, or an empty string. Asked twice, so that one bad answer condemns nothing.

    Raises:
        StorageError: the store does not answer.
    """
    return _problem(blob) and _problem(blob)


def _problem(blob: Blob) -> str:
    digest, seen = hashlib.sha256(), 0
    try:
        for chunk in blob_store().read(blob.sha256):
            digest.update(chunk)
            seen += len(chunk)
    except StorageError as error:
        if error.code == "blob_missing":
            return "the store holds no such object"
        raise
    return "" if digest.hexdigest() == blob.sha256 else f"the store's {seen} bytes hash to {digest.hexdigest()}"


def _looked_at() -> BlobQuerySet:
    """Everything that was once here: a promise that nobody kept yet is no damage."""
    return Blob.objects.hashed()


def _scrub_one(blob: Blob, done: Scrubbed) -> None:
    problem = problem_of(blob)
    done.hashed += 1
    done.hashed_bytes += blob.size_bytes
    if problem:
        if mark_damaged(blob, problem):
            done.damaged.append(blob.sha256)
        else:
            Blob.objects.filter(pk=blob.pk).update(scrubbed_at=Now())
        return
    Blob.objects.filter(pk=blob.pk).update(scrubbed_at=Now())
    if blob.state == BlobState.DAMAGED:
        with transaction.atomic():
            Blob.objects.filter(pk=blob.pk, state=BlobState.DAMAGED).update(state=BlobState.STORED)
            record(
                None, "heal", blob, before=BlobState.DAMAGED, after=BlobState.STORED, note="its bytes are right again"
            )
        done.healed.append(blob.sha256)
