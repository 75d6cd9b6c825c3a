"""Bytes by digest: the only layer that knows where blobs lie. No Django in here."""

from functools import lru_cache

from storage.interface import BlobReceipt, BlobStore, PartReceipt, StorageError
from storage.local import LocalBlobStore

__all__ = ["BlobReceipt", "BlobStore", "PartReceipt", "StorageError", "open_store"]


@lru_cache(maxsize=8)
def open_store(url: str) -> BlobStore:
    """Open the store that ``url`` names: ``file:///absolute/path`` or a plain path.

    Raises:
        ValueError: if the scheme is not one this build can serve.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalBlobStore(url)
    if scheme == "file":
        return LocalBlobStore(rest)
    raise ValueError(f"storage URL {url!r} has an unknown scheme {scheme!r}; use a path or file:///path")
