"""Blobs in a bucket of any S3-compatible server.

Parts that pass through the hub are objects of their own below ``staging/``, not parts of a multipart upload: S3 refuses
parts under 5 MiB. Large files go to the bucket directly (``storage.s3_direct``) and become one staged object. Either
way the hub reads and hashes every byte itself: promotion streams the staged objects through the hasher into the
digest's key, which appears, whole, only after the digest was right. An unfinished multipart upload that could not be
aborted (the store was away) holds no name and no reader; ``discard`` and ``drop_unfinished`` find it again.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from storage.hashing import BlobHasher, write_exactly
from storage.interface import BlobReceipt, OnBytes, PartReceipt, StagedUpload, StorageError
from storage.keys import blob_key
from storage.s3_bucket import Bucket
from storage.s3_direct import S3Direct
from storage.s3_keys import BLOBS, STAGING, is_blob_key, part_key, staged_prefix, upload_hex_of
from storage.s3_writer import ObjectWriter
from storage.url import S3Location

# A part larger than this waits on disk, not in memory, until its size is known to be right.
_SPOOLED_BYTES = 8 << 20
_MAX_ATTEMPTS = 5


class S3BlobStore:
    """Blobs under ``<prefix>blobs/``, parts of unfinished uploads under ``<prefix>staging/``."""

    def __init__(self, location: S3Location, *, max_attempts: int = _MAX_ATTEMPTS) -> None:
        self._bucket = Bucket(location, max_attempts=max_attempts)
        self._direct = S3Direct(self._bucket) if location.is_direct else None

    @property
    def direct(self) -> S3Direct | None:
        return self._direct

    def write_part(
        self, staging: str, number: int, chunks: Iterable[bytes], *, size_bytes: int
    ) -> tuple[PartReceipt, str]:
        key = part_key(staging, number)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOLED_BYTES) as spool:
            digest = write_exactly(spool, chunks, number=number, size_bytes=size_bytes)
            spool.seek(0)
            self._bucket.put(key, spool)
        return PartReceipt(number=number, size_bytes=size_bytes), digest

    def parts(self, staging: str) -> list[PartReceipt]:
        named = ((key.rpartition("/")[2], size) for key, size in self._bucket.listing(staged_prefix(staging)))
        return sorted((PartReceipt(int(name), size) for name, size in named if name.isdigit()), key=_number)

    def promote(
        self, staging: str, numbers: Sequence[int], *, sha256: str, on_bytes: OnBytes | None = None
    ) -> BlobReceipt:
        key = blob_key(sha256)
        parts = self._required(staging, numbers)
        size_bytes = sum(part.size_bytes for part in parts)
        hasher = BlobHasher(size_bytes)
        with ObjectWriter(self._bucket, key, size_bytes) as writer:
            for chunk in self._joined(staging, parts):
                hasher.update(chunk)
                writer.write(chunk)
                if on_bytes:
                    on_bytes(len(chunk))
            receipt = hasher.receipt()
            if receipt.size_bytes != size_bytes:
                raise StorageError("storage_unavailable", "a part was replaced while it was read; try again")
            if receipt.sha256 != sha256:
                raise StorageError("digest_mismatch", f"the bytes hash to {receipt.sha256}, not to {sha256}")
            # Asked only now, when the sender has shown the bytes: asked first, the time that a wrong guess takes
            # would tell a stranger which digests are here.
            if self._bucket.size_bytes(key) != size_bytes:
                writer.commit()
        return receipt

    def discard(self, staging: str) -> None:
        prefix = staged_prefix(staging)
        for key, multipart, _ in list(self._bucket.multiparts(prefix)):
            self._bucket.abort(key, multipart)
        for key, _ in list(self._bucket.listing(prefix)):
            self._bucket.delete(key)

    def staged(self) -> Iterator[StagedUpload]:
        touched: dict[str, datetime] = {}
        begun = ((key, moment) for key, _, moment in self._bucket.multiparts(STAGING))
        for key, moment in (*self._bucket.moments(STAGING), *begun):
            if (name := upload_hex_of(key)) is not None:
                touched[name] = max(moment, touched.get(name, moment))
        for name, moment in sorted(touched.items()):
            yield StagedUpload(name, moment)

    def drop_unfinished(self, before: datetime) -> int:
        stale = [entry for entry in self._bucket.multiparts(BLOBS) if entry[2] < before]
        for key, multipart, _ in stale:
            self._bucket.abort(key, multipart)
        return len(stale)

    def has(self, sha256: str) -> bool:
        return self._bucket.size_bytes(blob_key(sha256)) is not None

    def size_bytes(self, sha256: str) -> int:
        size = self._bucket.size_bytes(blob_key(sha256))
        if size is None:
            raise _missing(sha256)
        return size

    def read(self, sha256: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        chunks = self._bucket.read(blob_key(sha256), start=start, length=length)
        if chunks is None:
            raise _missing(sha256)
        return chunks

    @contextmanager
    def local_path(self, sha256: str, *, on_bytes: OnBytes | None = None) -> Iterator[Path]:
        """Raises StorageError ``blob_damaged`` if the store hands out other bytes than the digest says."""
        chunks = self.read(sha256)
        with tempfile.TemporaryDirectory(prefix="blob-") as folder:
            path = Path(folder) / sha256
            digest = hashlib.sha256()
            with path.open("wb") as sink:
                for chunk in chunks:
                    digest.update(chunk)
                    sink.write(chunk)
                    if on_bytes:
                        on_bytes(len(chunk))
            if digest.hexdigest() != sha256:
                raise StorageError("blob_damaged", f"the store's blob {sha256} hashes to {digest.hexdigest()}")
            path.chmod(0o444)
            yield path

    def delete(self, sha256: str) -> None:
        self._bucket.delete(blob_key(sha256))

    def probe(self) -> None:
        self.has("0" * 64)

    def digests(self) -> Iterator[str]:
        return (digest for digest, _ in self.sizes())

    def sizes(self) -> Iterator[tuple[str, int]]:
        for key, size_bytes in self._bucket.listing(BLOBS):
            if is_blob_key(key):
                yield key.rpartition("/")[2], size_bytes

    def _required(self, staging: str, numbers: Sequence[int]) -> list[PartReceipt]:
        arrived = {part.number: part for part in self.parts(staging)}
        for number in numbers:
            if number not in arrived:
                raise _part_missing(number)
        return [arrived[number] for number in numbers]

    def _joined(self, staging: str, parts: Iterable[PartReceipt]) -> Iterator[bytes]:
        for part in parts:
            chunks = self._bucket.read(part_key(staging, part.number))
            if chunks is None:
                raise _part_missing(part.number)
            yield from chunks


def _number(part: PartReceipt) -> int:
    return part.number


def _missing(sha256: str) -> StorageError:
    return StorageError("blob_missing", f"the store holds no blob {sha256}")


def _part_missing(number: int) -> StorageError:
    return StorageError("part_missing", f"part {number} has not arrived")
