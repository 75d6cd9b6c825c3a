"""Old snapshots of a backup go, and the blobs that only they refer to.

Killed anywhere, what is left is right: a snapshot loses its description first, so that nobody restores half of it, and
blobs go last. The next run takes up what this one left.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.retention.backup import Tell
from catalog.retention.backup_folder import BackupError, BackupFolder, Snapshot


@dataclass(frozen=True)
class Pruned:
    """What one run removed."""

    snapshots: list[str]
    blobs: int
    bytes: int


def prune_backup(root: Path, *, keep: int, written: Snapshot, tell: Tell = print) -> Pruned:
    """Keep the newest ``keep`` finished snapshots of ``root`` and ``written`` itself; the others go.

    Unfinished snapshots were left by killed backups, and go too. Where ``written`` lacks something, nothing goes.

    Raises:
        BackupError: another backup or a restore uses the folder, or nothing would be kept.
    """
    if keep < 1:
        raise BackupError("at least one snapshot is kept")
    if written.missing:
        raise BackupError(f"{written.id} lacks {len(written.missing)} blobs, so the older snapshots stay")
    kept = BackupFolder(root)
    with kept.alone():
        # What replaces the others must be on the disk before they go.
        os.sync()
        staying = {*kept.finished()[-keep:], written.id}
        leaving = sorted(path for path in (root / "snapshots").iterdir() if path.name not in staying)
        for folder in leaving:
            _remove(folder)
        blobs, size_bytes = _remove_blobs(kept, staying)
    done = Pruned([folder.name for folder in leaving], blobs, size_bytes)
    tell(f"pruned: {len(done.snapshots)} snapshots, {blobs} blobs, {size_bytes} bytes; {len(staying)} snapshots stay")
    return done


def _remove(folder: Path) -> None:
    (folder / "snapshot.json").unlink(missing_ok=True)
    shutil.rmtree(folder)


def _remove_blobs(kept: BackupFolder, staying: set[str]) -> tuple[int, int]:
    """Whatever no staying snapshot lists, halves of killed backups too. Returns how many, and how many bytes."""
    needed = {bytes.fromhex(digest) for snapshot_id in staying for digest, _ in kept.blobs_of(snapshot_id)}
    removed = size_bytes = 0
    for path in _files(kept.root / "blobs"):
        if len(path.name) != 64 or bytes.fromhex(path.name) not in needed:
            size_bytes += path.stat().st_size
            path.unlink()
            removed += 1
    return removed, size_bytes


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)
