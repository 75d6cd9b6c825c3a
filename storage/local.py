"""Blobs as files of one folder: the embedded default."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from storage.hashing import CHUNK_BYTES, BlobHasher, write_exactly
from storage.interface import BlobReceipt, OnBytes, PartReceipt, StagedUpload, StorageError
from storage.keys import blob_key, checked_staging, is_upload_hex

# The disk, a quota, or the largest file that is allowed.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LocalBlobStore:
    """Blobs under ``root/blobs``, parts of unfinished uploads under ``root/staging``.

    A file appears under its final name by one rename, after its bytes are on disk.
    """

    direct = None

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def write_part(
        self, staging: str, number: int, chunks: Iterable[bytes], *, size_bytes: int
    ) -> tuple[PartReceipt, str]:
        folder = self._staged(staging)
        temporary = folder / f".{number}.{uuid.uuid4().hex}"
        with _room_for(temporary):
            folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as sink:
                digest = write_exactly(sink, chunks, number=number, size_bytes=size_bytes)
                _flush(sink.fileno())
            temporary.replace(folder / f"{number:06d}")
        return PartReceipt(number=number, size_bytes=size_bytes), digest

    def parts(self, staging: str) -> list[PartReceipt]:
        folder = self._staged(staging)
        if not folder.is_dir():
            return []
        names = sorted(entry for entry in folder.iterdir() if entry.name.isdigit())
        return [PartReceipt(number=int(entry.name), size_bytes=entry.stat().st_size) for entry in names]

    def promote(
        self, staging: str, numbers: Sequence[int], *, sha256: str, on_bytes: OnBytes | None = None
    ) -> BlobReceipt:
        target = self.root / blob_key(sha256)
        paths = self._part_paths(staging, numbers)
        temporary = target.parent / f".{uuid.uuid4().hex}"
        hasher = BlobHasher(sum(path.stat().st_size for path in paths))
        with _room_for(temporary):
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as sink:
                for chunk in _read_all(paths):
                    hasher.update(chunk)
                    sink.write(chunk)
                    if on_bytes:
                        on_bytes(len(chunk))
                _flush(sink.fileno())
            receipt = hasher.receipt()
            if receipt.sha256 != sha256:
                raise StorageError("digest_mismatch", f"the bytes hash to {receipt.sha256}, not to {sha256}")
            temporary.chmod(0o444)
            temporary.replace(target)
            _flush_folders(target)
        return receipt

    def discard(self, staging: str) -> None:
        shutil.rmtree(self._staged(staging), ignore_errors=True)

    def staged(self) -> Iterator[StagedUpload]:
        for folder in sorted((self.root / "staging").glob("*")):
            if is_upload_hex(folder.name):
                moments = [_touched_at(path) for path in (folder, *folder.rglob("*"))]
                yield StagedUpload(folder.name, max(moments))

    def drop_unfinished(self, before: datetime) -> int:
        stale = [path for path in (self.root / "blobs").glob("??/??/.*") if _touched_at(path) < before]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def has(self, sha256: str) -> bool:
        return (self.root / blob_key(sha256)).is_file()

    def size_bytes(self, sha256: str) -> int:
        return self._blob(sha256).stat().st_size

    def read(self, sha256: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return _read_range(self._blob(sha256), start, length)

    @contextmanager
    def local_path(self, sha256: str, *, on_bytes: OnBytes | None = None) -> Iterator[Path]:
        yield self._blob(sha256)

    def delete(self, sha256: str) -> None:
        (self.root / blob_key(sha256)).unlink(missing_ok=True)

    def probe(self) -> None:
        # The folder is made with the first blob; before that, its parent must allow it.
        folder = self.root if self.root.exists() else self.root.parent
        if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise StorageError("storage_unavailable", "the store's folder is missing or cannot be written")

    def digests(self) -> Iterator[str]:
        return (digest for digest, _ in self.sizes())

    def sizes(self) -> Iterator[tuple[str, int]]:
        for folder in sorted((self.root / "blobs").glob("??/??")):
            for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
                with suppress(FileNotFoundError):
                    yield path.name, path.stat().st_size

    def _blob(self, sha256: str) -> Path:
        path = self.root / blob_key(sha256)
        if not path.is_file():
            raise StorageError("blob_missing", f"the store holds no blob {sha256}")
        return path

    def _staged(self, staging: str) -> Path:
        return self.root / "staging" / checked_staging(staging)

    def _part_paths(self, staging: str, numbers: Sequence[int]) -> list[Path]:
        paths = [self._staged(staging) / f"{number:06d}" for number in numbers]
        for number, path in zip(numbers, paths, strict=True):
            if not path.is_file():
                raise StorageError("part_missing", f"part {number} has not arrived")
        return paths


@contextmanager
def _room_for(temporary: Path) -> Iterator[None]:
    """Whatever happens, ``temporary`` is gone in the end. Raises StorageError ``storage_full`` where space ran out."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StorageError("storage_full", f"no space is left below {temporary.parent}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _read_all(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        yield from _read_range(path, 0, None)


def _read_range(path: Path, start: int, length: int | None) -> Iterator[bytes]:
    with path.open("rb") as source:
        source.seek(start)
        left = length
        while left is None or left > 0:
            chunk = source.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
            if not chunk:
                return
            if left is not None:
                left -= len(chunk)
            yield chunk


def _flush_folders(path: Path) -> None:
    """Make the name last as the bytes do: it must not vanish in a power cut after the database relied on it."""
    for folder in path.parents[:3]:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _touched_at(path: Path) -> datetime:
    """When the file or folder was last written; the beginning of time if it has just gone."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.fromtimestamp(0, UTC)


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)
