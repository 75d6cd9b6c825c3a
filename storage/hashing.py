"""Digests of a stream in one pass: SHA-256 and git blob id of a file, SHA-256 of a part."""

import hashlib
from collections.abc import Iterable
from typing import IO

from storage.interface import BlobReceipt, StorageError

CHUNK_BYTES = 1 << 20


class BlobHasher:
    """Feed bytes, then ask for the receipt. The size must be known first: git hashes it before the content."""

    def __init__(self, size_bytes: int) -> None:
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
        self._seen = 0

    def update(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self._sha256.update(chunk)
        self._git.update(chunk)
        self._seen += len(chunk)

    def receipt(self) -> BlobReceipt:
        """The digests of everything fed so far."""
        return BlobReceipt(sha256=self._sha256.hexdigest(), git_id=self._git.hexdigest(), size_bytes=self._seen)


def write_exactly(sink: IO[bytes], chunks: Iterable[bytes], *, number: int, size_bytes: int) -> str:
    """Write part ``number`` to ``sink`` and answer its SHA-256; reading stops at the first byte too many.

    Raises:
        StorageError: ``size_mismatch`` if fewer or more than ``size_bytes`` arrive.
    """
    digest, seen = hashlib.sha256(), 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > size_bytes:
            break
        digest.update(chunk)
        sink.write(chunk)
    if seen != size_bytes:
        arrived = f"more than {size_bytes}" if seen > size_bytes else seen
        raise StorageError("size_mismatch", f"part {number} has {size_bytes} bytes; {arrived} arrived")
    return digest.hexdigest()
