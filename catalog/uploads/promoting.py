"""Received parts become blobs: every byte is hashed here before anything refers to it."""

from dataclasses import asdict, dataclass
from typing import Any

from catalog.adapters.blobs import expect_blob
from catalog.cards import MAX_CARD_BYTES
from catalog.errors import Busy, Unprocessable
from catalog.store import blob_store
from catalog.uploads.direct import direct_for
from catalog.uploads.models import Upload, UploadFile
from catalog.uploads.parts import key_of, plan_parts, require_all
from storage import BlobReceipt, OnBytes, StorageError


@dataclass(frozen=True)
class Contents:
    """What an upload turned out to hold: a receipt for each path, and the text of its card."""

    receipts: dict[str, BlobReceipt]
    card: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the outcome of a job."""
        return {"files": {path: asdict(receipt) for path, receipt in self.receipts.items()}, "card": self.card}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Contents":
        """What :meth:`as_dict` made."""
        return cls({path: BlobReceipt(**receipt) for path, receipt in value["files"].items()}, value["card"])


def promote_all(
    upload: Upload, files: list[UploadFile], digests: dict[str, str], *, on_bytes: OnBytes | None = None
) -> Contents:
    """Hash every byte into the store's blobs, and read the card while no transaction waits. Safe to repeat.

    Raises:
        Conflict: ``upload_incomplete``. Unprocessable: ``digest_mismatch``; that file's parts are dropped.
        Busy: garbage collection took a blob meanwhile, as hashing lasted longer than its grace; promote again.
    """
    receipts = {file.path: _promote(upload, file, digests[file.path], on_bytes) for file in files}
    readme = receipts.get("README.md")
    if readme is None or readme.size_bytes > MAX_CARD_BYTES:
        return Contents(receipts, "")
    return Contents(receipts, _text(readme.sha256))


def _text(sha256: str) -> str:
    try:
        return b"".join(blob_store().read(sha256)).decode("utf-8", errors="replace")
    except StorageError as error:
        if error.code != "blob_missing":
            raise
        raise Busy(detail="the bytes were collected before they were used", hint="Finish again.") from error


def _promote(upload: Upload, file: UploadFile, sha256: str, on_bytes: OnBytes | None) -> BlobReceipt:
    parts = plan_parts(upload, file)
    require_all(file, parts)
    # What came directly was joined to one staged part when the upload was finished.
    numbers = [part.number for part in parts] if direct_for(upload, file) is None else [1]
    expect_blob(sha256, file.size_bytes)
    try:
        return blob_store().promote(key_of(upload, file), numbers, sha256=sha256, on_bytes=on_bytes)
    except StorageError as error:
        if error.code not in ("digest_mismatch", "part_missing"):
            raise
        if error.code == "digest_mismatch":
            if on_bytes:
                on_bytes(0)  # a worker that lost its lease drops nothing that another may be reading
            blob_store().discard(key_of(upload, file))
        raise Unprocessable(
            error.code, f"{file.path}: {error.detail}", field="files", hint="Send this file again, then finish again."
        ) from error
