"""The content-addressed cache: every file under its SHA-256, whole or not there at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from .errors import IntegrityError

CHUNK_BYTES = 1 << 20
COPY_BELOW_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class BlobCache:
    """Files by digest below `blobs/sha256/`; unfinished ones end in `.partial` and survive a killed client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob_path(self, sha256: str) -> Path:
        """Where the file of that digest is, or would be. Raises IntegrityError when it is no digest."""
        if not _SHA256.fullmatch(sha256):
            raise IntegrityError(f"{sha256[:80]!r} is not a SHA-256.", code="invalid_digest")
        return self.folder / "blobs" / "sha256" / sha256[:2] / sha256

    def find(self, sha256: str, size_bytes: int) -> Path | None:
        """The whole, verified file of that digest; a damaged one is removed and None returned."""
        path = self.blob_path(sha256)
        if not path.is_file():
            return None
        if path.stat().st_size == size_bytes and sha256_of(path) == sha256:
            return path
        path.unlink(missing_ok=True)
        return None

    @contextmanager
    def open_partial(self, sha256: str) -> Iterator[tuple[BufferedRandom, Path]]:
        """A file to append the bytes of a download to, positioned at its end, and its path.

        One process at a time continues the shared partial file; a second one writes a private one, which is
        removed at the end unless it was stored.
        """
        shared = self.blob_path(sha256).with_suffix(".partial")
        shared.parent.mkdir(parents=True, exist_ok=True)
        file = _open_exclusively(shared)
        if file is not None:
            with file:
                yield file, shared
            return
        private = shared.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}.partial")
        try:
            with private.open("a+b") as file:
                yield file, private
        finally:
            private.unlink(missing_ok=True)

    def store(self, partial: Path, sha256: str) -> Path:
        """Give a complete download its final name at once; the caller has verified it."""
        path = self.blob_path(sha256)
        partial.chmod(0o444)
        os.replace(partial, path)
        return path


def _open_exclusively(path: Path) -> BufferedRandom | None:
    """The file opened for appending under a lock that ends with it, or None while another process holds it."""
    try:
        import fcntl
    except ImportError:
        return None
    for _ in range(3):
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                file.seek(0, os.SEEK_END)
                return file
        except BlockingIOError:
            file.close()
            return None
        except FileNotFoundError:
            pass
        file.close()
    return None


def place(blob: Path, target: Path, size_bytes: int) -> None:
    """Put a cached file at `target`: a hard link when it is large, else a copy that may be edited freely."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if size_bytes >= COPY_BELOW_BYTES:
        try:
            os.link(blob, target)
            return
        except OSError:
            pass
    shutil.copyfile(blob, target)
