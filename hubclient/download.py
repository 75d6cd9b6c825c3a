"""Downloads one file into the cache: continues by Range, verifies the SHA-256, and only then gives it its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx

from .cache import CHUNK_BYTES, BlobCache
from .connection import (
    MAX_ATTEMPTS,
    PASSING_STATUSES,
    Connection,
    delay_seconds,
    network_error,
)
from .errors import HubError, IntegrityError, NetworkError, StoreRefusedError
from .growing import GrowingFile

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Interrupted(Exception):
    """The stream ended early or passed an error by; what has arrived so far is kept."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def download(
    connection: Connection,
    cache: BlobCache,
    url: str,
    *,
    sha256: str,
    size_bytes: int,
    on_bytes: Callable[[int], None] | None = None,
) -> tuple[Path, int]:
    """The cached file of that digest and the bytes transferred for it: only those that were not here yet.

    `on_bytes` is told how many bytes of the file are here. Raises IntegrityError when the bytes are not those
    promised (they are removed), NetworkError after the last attempt, else what the hub answers.
    """
    tell = on_bytes or (lambda count: None)
    if (whole := cache.find(sha256, size_bytes)) is not None:
        tell(size_bytes)
        return whole, 0
    with cache.open_partial(sha256) as (opened, partial), GrowingFile(opened) as file:
        kept_bytes = file.size_bytes
        _fill(connection, file, url, size_bytes, tell)
        received = file.sha256()
        if received != sha256 and kept_bytes:
            # The part kept from an earlier run may be what is wrong: once more, from nothing.
            file.clear()
            kept_bytes = 0
            _fill(connection, file, url, size_bytes, tell)
            received = file.sha256()
        if received != sha256:
            partial.unlink(missing_ok=True)
            raise IntegrityError(
                "The bytes received are not those that the hub promised; they were removed.",
                expected=sha256,
                received=received,
                hint="Try again; if it stays so, tell the hub's operators.",
            )
        file.keep()
        return cache.store(partial, sha256), size_bytes - kept_bytes


def _fill(connection: Connection, file: GrowingFile, url: str, size_bytes: int, tell: Callable[[int], None]) -> None:
    """Append until the file has its size; an attempt that brought bytes does not count as a failure."""
    failures = 0
    while True:
        if file.size_bytes > size_bytes:
            file.clear()
        had = file.size_bytes
        if had == size_bytes:
            tell(had)
            return
        try:
            _append(connection, file, url, size_bytes, tell)
        except _Interrupted as error:
            failures = 1 if file.size_bytes > had else failures + 1
            if failures >= MAX_ATTEMPTS:
                cause = error.cause
                raise cause if isinstance(cause, HubError) else network_error(connection.url, cause) from cause
            connection.sleep(delay_seconds(failures))


def _append(connection: Connection, file: GrowingFile, url: str, size_bytes: int, tell: Callable[[int], None]) -> None:
    had = file.size_bytes
    headers = {"Range": f"bytes={had}-"} if had else {}
    try:
        with connection.stream(url, headers) as answer:
            if answer.status_code == 416 or not _continues_at(answer, had):
                file.clear()
                if answer.status_code != 200:
                    raise _Interrupted(NetworkError("The server refuses the range asked for.", code="bad_range"))
            for chunk in answer.iter_raw(CHUNK_BYTES):
                received = file.size_bytes + len(chunk)
                if received > size_bytes:
                    file.clear()
                    raise IntegrityError(
                        "More bytes arrive than the hub promised; they were removed.",
                        code="size_mismatch",
                        expected=size_bytes,
                        received=received,
                    )
                file.append(chunk)
                tell(received)
            if file.size_bytes < size_bytes:
                ended = f"The download ended after {file.size_bytes} of {size_bytes} bytes."
                raise _Interrupted(NetworkError(ended))
    except httpx.TransportError as error:
        raise _Interrupted(error) from error
    except HubError as error:
        # The hub redirects each request to a fresh address of the store; one that ran out is no loss.
        is_renewable = isinstance(error, StoreRefusedError) and connection.is_own_origin(url)
        if is_renewable or error.status in PASSING_STATUSES:
            raise _Interrupted(error) from error
        raise


def _continues_at(answer: httpx.Response, offset: int) -> bool:
    """Whether the body begins at `offset` of the file, by the server's own word."""
    if answer.status_code != 206:
        return offset == 0
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == offset
