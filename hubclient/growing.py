"""A file that grows at its end while its SHA-256 is computed, and its bytes go to disk, beside the download."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from io import BufferedRandom
from types import TracebackType

from .cache import CHUNK_BYTES

_CHUNKS_AHEAD = 16
_SYNC_BYTES = 32 << 20


class GrowingFile:
    """Append, or begin anew; ``sha256`` is that of everything in the file, also of what was there before."""

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file
        self.size_bytes = os.fstat(file.fileno()).st_size
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._room = threading.BoundedSemaphore(_CHUNKS_AHEAD)
        self._hash = hashlib.sha256()
        self._unsynced_bytes = 0
        self._failure: OSError | None = None
        self._last: Future[None] = self._worker.submit(self._hash_what_is_there, self.size_bytes)

    def __enter__(self) -> GrowingFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    def append(self, chunk: bytes) -> None:
        """Write at the end. Waits when the hashing is far behind, so that memory stays flat."""
        self._file.write(chunk)
        self._file.flush()
        self.size_bytes += len(chunk)
        self._room.acquire()
        self._last = self._worker.submit(self._hash_next, chunk)

    def clear(self) -> None:
        """Forget everything."""
        self._settle()
        self._file.truncate(0)
        self.size_bytes = 0
        self._hash = hashlib.sha256()

    def sha256(self) -> str:
        """The digest of the whole file."""
        self._settle()
        return self._hash.hexdigest()

    def keep(self) -> None:
        """Return when every byte is on disk."""
        self._settle()
        os.fsync(self._file.fileno())

    def _settle(self) -> None:
        self._last.result()
        if self._failure is not None:
            raise self._failure

    def _hash_what_is_there(self, size_bytes: int) -> None:
        position = 0
        while position < size_bytes:
            chunk = os.pread(self._file.fileno(), min(CHUNK_BYTES, size_bytes - position), position)
            if not chunk:
                return
            self._hash.update(chunk)
            position += len(chunk)

    def _hash_next(self, chunk: bytes) -> None:
        try:
            self._hash.update(chunk)
            self._unsynced_bytes += len(chunk)
            if self._unsynced_bytes >= _SYNC_BYTES:
                self._unsynced_bytes = 0
                _sync(self._file.fileno())
        except OSError as error:  # the kernel tells of a full or broken disk once
            self._failure = self._failure or error
        finally:
            self._room.release()


_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
