"""Bytes that the hub made itself become blobs: hashed, written, read back and hashed again, as any upload."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from catalog.adapters.blobs import expect_blob
from catalog.store import blob_store
from storage import BlobReceipt, OnBytes
from storage.keys import staging_key

_PART_BYTES = 8 << 20


def store_file(path: Path, *, on_bytes: OnBytes | None = None) -> BlobReceipt:
    """Put a local file into the store, outside any transaction; ``add_blob`` gives the receipt its row later.

    ``on_bytes`` is told of every part, so that a job's lease is renewed meanwhile. Nothing is left staged.

    Raises:
        StorageError: the store fails, or there is no room.
    """
    sha256, size_bytes = _digest(path, on_bytes), path.stat().st_size
    expect_blob(sha256, size_bytes)
    staged = uuid4().hex
    key = staging_key(staged, 0)
    try:
        numbers = []
        with path.open("rb") as file:
            for number in range(1, max(1, -(-size_bytes // _PART_BYTES)) + 1):
                part = file.read(_PART_BYTES)
                blob_store().write_part(key, number, [part], size_bytes=len(part))
                numbers.append(number)
                if on_bytes:
                    on_bytes(len(part))
        return blob_store().promote(key, numbers, sha256=sha256, on_bytes=on_bytes)
    finally:
        blob_store().discard(staging_key(staged))


def store_folder(folder: Path, *, on_bytes: OnBytes | None = None) -> dict[str, BlobReceipt]:
    """Every file below ``folder``, by its path in it. Raises as :func:`store_file`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): store_file(path, on_bytes=on_bytes) for path in files}


def _digest(path: Path, on_bytes: OnBytes | None) -> str:
    digest = hashlib.sha256()
    for part in _parts(path):
        digest.update(part)
        if on_bytes:
            on_bytes(0)
    return digest.hexdigest()


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            yield part
