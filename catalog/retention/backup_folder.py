"""How a backup lies in its folder.

blobs/ab/cd/abcd...                 every blob once, shared by all snapshots
snapshots/20260102T030405Z/
    database.dump | database.sqlite3
    blobs.txt                       digest and size in bytes of every blob that this database refers to
    snapshot.json                   written last: a snapshot without it was never finished
"""

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from storage.hashing import CHUNK_BYTES
from storage.keys import blob_key


class BackupError(Exception):
    """A backup could not be taken or given back; the text says why and what to do."""


@dataclass(frozen=True)
class Snapshot:
    """One finished backup."""

    id: str
    hub_version: str
    vendor: str
    database: str
    database_sha256: str
    blobs: int
    bytes: int
    missing: list[str]
    """Digests that the database refers to and the store could not hand out rightly."""


class BackupFolder:
    """A folder of snapshots; only its owner may read it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, for its owner alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside the ``with`` block nobody prunes this backup. Any number may use it at a time."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside the ``with`` block nobody else uses this backup. Raises BackupError where somebody does."""
        try:
            with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield
        except BlockingIOError as error:
            raise BackupError(f"somebody else is using {self.root} just now") from error

    @contextmanager
    def _locked(self, operation: int) -> Iterator[None]:
        """The folder itself is the lock, so that a restore needs no right to write; it ends with the process."""
        try:
            descriptor = os.open(self.root, os.O_RDONLY)
        except FileNotFoundError as error:
            raise BackupError(f"there is no folder {self.root}") from error
        try:
            fcntl.flock(descriptor, operation)
            yield
        finally:
            os.close(descriptor)

    def make(self, snapshot_id: str) -> Path:
        """The new folder of a snapshot. Raises BackupError where it is there already."""
        folder = self.folder(snapshot_id)
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError as error:
            raise BackupError(f"there is a snapshot {snapshot_id} already; wait a second") from error
        return folder

    def folder(self, snapshot_id: str) -> Path:
        """Where a snapshot lies."""
        return self.root / "snapshots" / snapshot_id

    def finish(self, snapshot: Snapshot) -> None:
        """Write the snapshot's description, by one rename."""
        target = self.folder(snapshot.id) / "snapshot.json"
        temporary = target.with_suffix(".unfinished")
        temporary.write_text(json.dumps(asdict(snapshot), indent=2) + "\n")
        temporary.replace(target)

    def finished(self) -> list[str]:
        """Ids of the finished snapshots, the oldest first."""
        return sorted(path.parent.name for path in (self.root / "snapshots").glob("*/snapshot.json"))

    def snapshot(self, snapshot_id: str = "") -> Snapshot:
        """A finished snapshot, the newest without an id. Raises BackupError."""
        finished = self.finished()
        wanted = snapshot_id or (finished[-1] if finished else "")
        if wanted not in finished:
            raise BackupError(f"{self.root} holds no finished snapshot {wanted}".rstrip())
        return Snapshot(**json.loads((self.folder(wanted) / "snapshot.json").read_text()))

    def blobs_of(self, snapshot_id: str) -> Iterator[tuple[str, int]]:
        """Digest and size in bytes of every blob of a snapshot."""
        with (self.folder(snapshot_id) / "blobs.txt").open() as lines:
            for line in lines:
                digest, size_bytes = line.split()
                yield digest, int(size_bytes)

    def blob_path(self, sha256: str) -> Path:
        """Where a blob's bytes lie."""
        return self.root / blob_key(sha256)

    def holds(self, sha256: str, size_bytes: int) -> bool:
        """Whether the blob was copied before. What is here was hashed on its way in; a restore hashes it again."""
        path = self.blob_path(sha256)
        return path.is_file() and path.stat().st_size == size_bytes

    def keep(self, sha256: str, chunks: Iterable[bytes]) -> bool:
        """Copy a blob, hashing it on the way; nothing is kept of other bytes. Returns whether they were right."""
        target = self.blob_path(sha256)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = target.parent / f".{uuid.uuid4().hex}"
        digest = hashlib.sha256()
        try:
            with temporary.open("wb") as sink:
                for chunk in chunks:
                    digest.update(chunk)
                    sink.write(chunk)
                os.fsync(sink.fileno())
            if digest.hexdigest() != sha256:
                return False
            temporary.chmod(0o400)
            temporary.replace(target)
            return True
        finally:
            temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
