"""SHA-256 and git blob id of a stream in one pass."""

import hashlib

from storage.interface import BlobReceipt

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
