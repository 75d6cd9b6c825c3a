"""What every blob store can do, and the values it hands back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

OnBytes = Callable[[int], None]
"""Told how many bytes have just been moved, so that whoever waits can renew a lease. What it raises passes through."""


class StorageError(Exception):
    """The store could not do what was asked; ``code`` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class PartReceipt:
    """One received part of a staged file."""

    number: int
    size_bytes: int


@dataclass(frozen=True)
class BlobReceipt:
    """A file whose every byte the hub has hashed itself."""

    sha256: str
    git_id: str
    size_bytes: int


@dataclass(frozen=True)
class StagedUpload:
    """An upload that has bytes in the store, by its id in hexadecimal, and when the last of them arrived."""

    upload_hex: str
    touched_at: datetime


class DirectTransfer(Protocol):
    """Bytes that clients exchange with the store itself, by URLs that are signed for one request and soon run out.

    A staged file is one multipart upload, named by the server's own id for it (``multipart``). Nobody's word is taken:
    sizes come from the server's list of parts, and ETags only tell the server which parts are meant.
    """

    min_part_bytes: int
    """The least size of every part but the last."""

    def begin(self, staging: str) -> str:
        """Begin the multipart upload of one staged file and return its id."""

    def part_url(self, staging: str, multipart: str, number: int, *, size_bytes: int) -> str:
        """Where to PUT part ``number``, of exactly ``size_bytes``."""

    def parts(self, staging: str, multipart: str) -> list[PartReceipt] | None:
        """The parts that have arrived, by number; None if the server knows no such multipart upload (any more).

        Servers differ in whether they still know it after its completion.
        """

    def complete(self, staging: str, multipart: str, *, size_bytes: int) -> None:
        """Make of the arrived parts the one staged part, number 1, of ``size_bytes``. Safe to repeat.

        Raises:
            StorageError: ``part_missing`` if what arrived does not add up to that.
        """

    def abort(self, staging: str, multipart: str) -> None:
        """Drop a multipart upload; dropping an absent one is no error."""

    def blob_url(self, sha256: str, *, filename: str) -> str:
        """Where to GET a blob, with Range if wanted; it arrives as an attachment of that name."""


class BlobStore(Protocol):
    """Staged parts become blobs; blobs are immutable and named by their SHA-256.

    ``staging`` is a key made by :func:`storage.keys.staging_key`; it never holds user input.
    """

    @property
    def direct(self) -> DirectTransfer | None:
        """How clients reach the store themselves; None where every byte passes through the hub."""

    def write_part(
        self, staging: str, number: int, chunks: Iterable[bytes], *, size_bytes: int
    ) -> tuple[PartReceipt, str]:
        """Store part ``number`` of exactly ``size_bytes``, replacing an earlier one.

        Returns the receipt and the part's SHA-256.

        Raises:
            StorageError: ``size_mismatch`` if fewer or more bytes arrive; nothing is kept then.
        """

    def parts(self, staging: str) -> list[PartReceipt]:
        """The parts received so far, by number."""

    def promote(
        self, staging: str, numbers: Sequence[int], *, sha256: str, on_bytes: OnBytes | None = None
    ) -> BlobReceipt:
        """Join the parts into the blob ``sha256``, hashing every byte on the way (SHA-256 and git blob id).

        Safe to repeat. The parts stay until :meth:`discard`.

        Raises:
            StorageError: ``digest_mismatch`` if the bytes hash to anything else (nothing is kept then);
                ``part_missing`` if a part has not arrived.
        """

    def discard(self, staging: str) -> None:
        """Forget the parts of one staged file (or of a whole upload, by its prefix), arrived or under way."""

    def staged(self) -> Iterator[StagedUpload]:
        """Every upload that has bytes here, arrived or under way."""

    def drop_unfinished(self, before: datetime) -> int:
        """Drop what promotions that began before that moment, and never ended, left behind. Returns how many."""

    def has(self, sha256: str) -> bool:
        """Whether a blob of this digest is here."""

    def size_bytes(self, sha256: str) -> int:
        """Size of a blob. Raises StorageError ``blob_missing``."""

    def read(self, sha256: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a blob from ``start``, in chunks. Raises StorageError ``blob_missing``."""

    def local_path(self, sha256: str, *, on_bytes: OnBytes | None = None) -> AbstractContextManager[Path]:
        """A readable local file with the blob's bytes, valid inside the ``with`` block."""

    def delete(self, sha256: str) -> None:
        """Remove a blob; removing an absent one is no error."""

    def probe(self) -> None:
        """Whether blobs can be read and written at this moment, by one cheap question. Raises StorageError."""

    def digests(self) -> Iterator[str]:
        """Every blob's digest, for checks of the database against the store."""

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Every blob's digest and size in bytes, in the order of the digests, as the store lists them."""
