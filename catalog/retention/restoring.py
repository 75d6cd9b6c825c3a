"""Restore: the objects first, every byte hashed, then the database in one step. Killed half-way, it can be repeated."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.core.management import call_command
from django.db import DatabaseError, connection

from catalog.accounts.models import User
from catalog.adapters.models import Adapter, Blob, BlobState
from catalog.retention.backup import Tell
from catalog.retention.backup_folder import BackupError, BackupFolder, Snapshot, sha256_of
from catalog.retention.database_copy import load_database
from catalog.retention.models import Hold, Routine
from catalog.store import blob_store
from storage import StorageError
from storage.hashing import CHUNK_BYTES
from storage.keys import staging_key

# A staging key that no upload has: their ids are random.
_STAGING = staging_key("0" * 32, 0)
_PART_BYTES = 64 << 20


def restore(root: Path, *, snapshot_id: str = "", is_forced: bool = False, tell: Tell = print) -> list[str]:
    """Put a snapshot (the newest without an id) in the place of this hub's database, and its blobs into the store.

    Returns the digests that the backup could not give back; their files are in quarantine until somebody pushes them.

    Raises:
        BackupError: no such snapshot, a damaged one, one of another kind of database, or there is something to lose
            here and ``is_forced`` is not said. StorageError: the store does not answer.
    """
    kept = BackupFolder(root)
    with kept.in_use():
        return _restore(kept, kept.snapshot(snapshot_id), is_forced=is_forced, tell=tell)


def _restore(kept: BackupFolder, snapshot: Snapshot, *, is_forced: bool, tell: Tell) -> list[str]:
    copy = _checked_copy(kept, snapshot)
    if not is_forced:
        _require_empty(kept, snapshot)
    lost = [digest for digest, _ in kept.blobs_of(snapshot.id) if not _put_back(kept, digest)]
    tell(f"blobs: {snapshot.blobs - len(lost)} of {snapshot.blobs} hashed and in the store")
    load_database(copy)
    call_command("migrate", verbosity=0, interactive=False)
    _settle(lost)
    tell(f"database: {snapshot.database} of {snapshot.id}, hub {snapshot.hub_version}")
    return lost


def _checked_copy(kept: BackupFolder, snapshot: Snapshot) -> Path:
    copy = kept.folder(snapshot.id) / snapshot.database
    if snapshot.vendor != connection.vendor:
        raise BackupError(
            f"the backup is of {snapshot.vendor}, this hub uses {connection.vendor}; "
            "set DATABASE_URL to a database of the same kind"
        )
    if not copy.is_file() or sha256_of(copy) != snapshot.database_sha256:
        raise BackupError(f"{copy} is not the file that was backed up; choose another snapshot with --snapshot")
    return copy


def _require_empty(kept: BackupFolder, snapshot: Snapshot) -> None:
    """Objects of this very snapshot may be here: then a restore was killed, and goes on."""
    try:
        is_used = User.objects.exists() or Adapter.objects.exists()
    except DatabaseError:  # no tables yet
        is_used = False
    expected = {digest for digest, _ in kept.blobs_of(snapshot.id)}
    if is_used or any(digest not in expected for digest in blob_store().digests()):
        raise BackupError(
            "this hub's database or store is not empty, and a restore replaces what it holds; "
            "restore into an empty database and an empty store, or say --force"
        )


def _put_back(kept: BackupFolder, digest: str) -> bool:
    """Write one blob into the store, which hashes it; a right one that is there already stays."""
    path, store = kept.blob_path(digest), blob_store()
    if _is_right(digest):
        return True
    if not path.is_file():
        return False
    size_bytes = path.stat().st_size
    numbers = range(1, max(1, -(-size_bytes // _PART_BYTES)) + 1)
    store.discard(_STAGING)
    store.delete(digest)
    try:
        for number in numbers:
            offset = (number - 1) * _PART_BYTES
            length = min(_PART_BYTES, size_bytes - offset)
            store.write_part(_STAGING, number, _slice(path, offset, length), size_bytes=length)
        store.promote(_STAGING, list(numbers), sha256=digest)
    except StorageError as error:
        if error.code == "digest_mismatch":
            return False
        raise
    finally:
        store.discard(_STAGING)
    return True


def _is_right(digest: str) -> bool:
    """Whether the store's own object is there and hashes to its name."""
    found = hashlib.sha256()
    try:
        for chunk in blob_store().read(digest):
            found.update(chunk)
    except StorageError as error:
        if error.code == "blob_missing":
            return False
        raise
    return found.hexdigest() == digest


def _slice(path: Path, offset: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as source:
        source.seek(offset)
        while length and (chunk := source.read(min(CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk


def _settle(lost: list[str]) -> None:
    """What was true only of the hub that was backed up."""
    Hold.objects.all().delete()
    Routine.objects.all().delete()
    # Their bytes are not part of a backup; whoever needs them pushes them.
    Blob.objects.filter(pk__in=Blob.objects.unreferenced().values("pk")).delete()
    Blob.objects.filter(condemned_at__isnull=False).update(condemned_at=None)
    for digest in lost:
        Blob.objects.filter(pk=digest).update(state=BlobState.DAMAGED)
