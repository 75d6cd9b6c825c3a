"""Bytes by digest: the only layer that knows where blobs lie. No Django in here."""

from functools import lru_cache

from storage.interface import BlobReceipt, BlobStore, DirectTransfer, OnBytes, PartReceipt, StorageError
from storage.local import LocalBlobStore
from storage.url import parse_s3_url

__all__ = ["BlobReceipt", "BlobStore", "DirectTransfer", "OnBytes", "PartReceipt", "StorageError", "open_store"]


@lru_cache(maxsize=8)
def open_store(url: str) -> BlobStore:
    """Open the store that ``url`` names: a path, ``file:///path`` or ``s3://bucket?endpoint=...``.

    Nothing is asked of the store yet.

    Raises:
        ValueError: if the URL is malformed, or its scheme is not one this build can serve.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalBlobStore(url)
    if scheme == "file":
        return LocalBlobStore(rest)
    if scheme == "s3":
        return _open_s3(url)
    raise ValueError(f"the storage URL has an unknown scheme {scheme!r}; use a path, file:///path or s3://bucket")


def _open_s3(url: str) -> BlobStore:
    location = parse_s3_url(url)
    try:
        from storage.s3 import S3BlobStore  # boto3 takes a third of a second that a hub with local files never pays
    except ModuleNotFoundError as error:
        raise ValueError(f"an S3 storage URL needs boto3, which is not installed here ({error.name})") from error
    return S3BlobStore(location)
