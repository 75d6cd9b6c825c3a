"""Sends the parts of an upload, several at a time, each read from its file in small pieces and to whoever takes it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from .cache import CHUNK_BYTES, sha256_of
from .connection import Connection
from .errors import IntegrityError, StoreRefusedError, UsageError
from .folder import LocalFile

Progress = Callable[[int, int, str], None]
THREADS = 4
PART_ATTEMPTS = 3


class _Stopped(Exception):
    """Another part failed, or somebody pressed Ctrl-C: this one is given up."""


class Sender:
    """Sends whatever an upload lists as not received."""

    def __init__(self, connection: Connection, files: Mapping[str, LocalFile], on_progress: Progress) -> None:
        self._connection = connection
        self._files = files
        self._on_progress = on_progress
        self._total_bytes = sum(file.size_bytes for file in files.values())
        self._done_bytes = 0
        self._lock = threading.Lock()

    def send(self, upload: Mapping[str, Any]) -> None:
        """Send the missing parts of an upload as `POST /uploads` answers it; returns when all have arrived.

        Raises:
            StoreRefusedError: URLs ran out; ask for the upload again and call this again. Parts under way were ended.
            HubError: anything else; parts under way were given up.
        """
        parts = [(self._files[entry["path"]], part) for entry in upload["files"] for part in entry["parts"]]
        self._done_bytes = sum(part["size_bytes"] for _, part in parts if part["is_received"])
        stop = threading.Event()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="part") as pool:
            futures = [
                pool.submit(self._send_part, file, part, stop) for file, part in parts if not part["is_received"]
            ]
            try:
                _wait_for(futures)
            except StoreRefusedError:
                raise
            except BaseException:
                stop.set()
                raise
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _send_part(self, file: LocalFile, part: Mapping[str, Any], stop: threading.Event) -> None:
        size_bytes = int(part["size_bytes"])
        is_hashed = self._connection.is_own_origin(part["url"])
        attempt = _Attempt()

        def content() -> Iterator[bytes]:
            nonlocal attempt
            self._tell(-attempt.sent_bytes, file.path)
            attempt = _Attempt()
            for chunk in read_part(file, int(part["offset"]), size_bytes):
                if stop.is_set():
                    raise _Stopped
                if is_hashed:
                    attempt.digest.update(chunk)
                yield chunk
                attempt.sent_bytes += len(chunk)
                self._tell(len(chunk), file.path)

        for _ in range(PART_ATTEMPTS):
            answer = self._connection.put_part(part["url"], content, size_bytes)
            received = answer.get("sha256") if is_hashed and isinstance(answer, dict) else None
            if received in (None, attempt.digest.hexdigest()):
                return
        raise IntegrityError(
            f"Part {part['number']} of {file.path} arrives changed at the hub.",
            expected=attempt.digest.hexdigest(),
            received=received,
        )

    def _tell(self, count: int, path: str) -> None:
        with self._lock:
            self._done_bytes += count
            self._on_progress(self._done_bytes, self._total_bytes, path)


class _Attempt:
    """What one try to send a part has sent so far."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.sent_bytes = 0


def read_part(file: LocalFile, offset: int, size_bytes: int) -> Iterator[bytes]:
    """The bytes of a file from `offset`, in chunks; raises UsageError `file_changed` when it became shorter."""
    left = size_bytes
    with file.source.open("rb") as source:
        source.seek(offset)
        while left > 0:
            chunk = source.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise UsageError(f"{file.path} became shorter while it was sent.", code="file_changed")
            left -= len(chunk)
            yield chunk


class Digests:
    """The SHA-256 of files, each computed once, in the background."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = dict(known)
        self._computing: dict[str, Future[str]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="digest")

    def begin(self, files: Mapping[str, LocalFile]) -> None:
        """Start with whatever is not known yet."""
        for path, file in files.items():
            if path not in self.known and path not in self._computing:
                self._computing[path] = self._pool.submit(sha256_of, file.source)

    def all(self) -> dict[str, str]:
        """Every digest, waiting for those that are being computed."""
        self.known |= {path: future.result() for path, future in self._computing.items()}
        self._computing.clear()
        return dict(self.known)

    def forget(self) -> None:
        """The files may have changed: compute them anew."""
        self.known.clear()
        for future in self._computing.values():
            future.cancel()
        self._computing.clear()

    def close(self) -> None:
        """Do not wait for what nobody needs."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _wait_for(futures: list[Future[None]]) -> None:
    """Return when all have ended, or raise the first failure as soon as it is there."""
    ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in ended:
        error = future.exception()
        if error is not None:
            raise error
