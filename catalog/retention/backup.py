"""Back up: the database first, then the objects it refers to, while garbage collection waits."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from catalog.retention.backup_folder import BackupFolder, Snapshot, sha256_of
from catalog.retention.database_copy import dump_database
from catalog.retention.holds import collection_held
from catalog.store import blob_store
from storage import StorageError

Tell = Callable[[str], None]


def back_up(root: Path, *, tell: Tell = print) -> Snapshot:
    """Add a snapshot to the backup in ``root``; blobs that it holds already are not copied again.

    Safe at a busy moment: what is pushed after the database was copied is in the next snapshot. Meanwhile nobody prunes
    the folder.

    Raises:
        StorageError: the store does not answer. BackupError.
    """
    kept = BackupFolder(root)
    kept.prepare()
    with kept.in_use():
        return _add_snapshot(kept, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"), tell)


def _add_snapshot(kept: BackupFolder, snapshot_id: str, tell: Tell) -> Snapshot:
    folder = kept.make(snapshot_id)
    with collection_held(f"backup {snapshot_id}"):
        copy = dump_database(folder)
        tell(f"database: {copy.name}, {copy.stat().st_size} bytes")
        blobs, size_bytes, missing = _copy_blobs(kept, snapshot_id, tell)
    snapshot = Snapshot(
        id=snapshot_id,
        hub_version=settings.HUB_VERSION,
        vendor=connection.vendor,
        database=copy.name,
        database_sha256=sha256_of(copy),
        blobs=blobs,
        bytes=size_bytes,
        missing=missing,
    )
    kept.finish(snapshot)
    return snapshot


def _copy_blobs(kept: BackupFolder, snapshot_id: str, tell: Tell) -> tuple[int, int, list[str]]:
    blobs = size_bytes = copied = 0
    missing = []
    for digest, size in kept.blobs_of(snapshot_id):
        blobs, size_bytes = blobs + 1, size_bytes + size
        if kept.holds(digest, size):
            continue
        if _copy_one(kept, digest):
            copied += 1
        else:
            missing.append(digest)
            tell(f"missing or damaged in the store, so not in this backup: {digest}")
    tell(f"blobs: {blobs}, {size_bytes} bytes; {copied} copied, {blobs - copied - len(missing)} here already")
    return blobs, size_bytes, missing


def _copy_one(kept: BackupFolder, digest: str) -> bool:
    try:
        return kept.keep(digest, blob_store().read(digest))
    except StorageError as error:
        if error.code == "blob_missing":
            return False
        raise
