"""The parts of an upload's files: where each is sent, and which have arrived."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.errors import Conflict, NotFound, Unprocessable
from catalog.store import blob_store
from catalog.uploads.direct import begun, direct_for, part_bytes
from catalog.uploads.models import Upload, UploadFile, UploadState
from storage import StorageError
from storage.keys import staging_key


@dataclass(frozen=True)
class PartPlan:
    """One part to send."""

    number: int
    offset: int
    size_bytes: int
    is_received: bool


def key_of(upload: Upload, file: UploadFile) -> str:
    """The staging key of one file."""
    return staging_key(upload.pk.hex, file.index)


def plan_parts(upload: Upload, file: UploadFile) -> list[PartPlan]:
    """The parts of one file, and which have arrived. An empty file is one empty part."""
    direct = direct_for(upload, file)
    if direct is None:
        received = {part.number: part.size_bytes for part in blob_store().parts(key_of(upload, file))}
        is_whole, part_size_bytes = False, upload.part_size_bytes
    else:
        known = begun(direct, file, key_of(upload, file))
        received, is_whole, part_size_bytes = known.sizes, known.is_whole, part_bytes(direct, upload, file)
    return [
        PartPlan(number, offset, length, is_whole or received.get(number) == length)
        for number, offset, length in _cut(file.size_bytes, part_size_bytes)
    ]


def direct_url(upload: Upload, file: UploadFile, part: PartPlan) -> str:
    """Where the store itself takes a planned part, for the next ten minutes; empty where the hub takes it."""
    direct = direct_for(upload, file)
    if direct is None:
        return ""
    return direct.part_url(key_of(upload, file), file.multipart, part.number, size_bytes=part.size_bytes)


def receive_part(upload: Upload, *, index: int, number: int, chunks: Iterable[bytes]) -> tuple[int, str]:
    """Store one part that passes through the hub; sending it again replaces it. Returns its size and its SHA-256.

    Raises:
        Conflict: ``upload_closed``. NotFound: no such file or part. Unprocessable: ``size_mismatch``.
    """
    require_open(upload)
    file = upload.files.filter(index=index).first()
    cut = _cut(file.size_bytes, upload.part_size_bytes) if file and direct_for(upload, file) is None else []
    size_bytes = next((length for known, _, length in cut if known == number), None)
    if file is None or size_bytes is None:
        raise NotFound(
            detail=f"this upload announced no part {number} of file {index} that is sent here",
            hint="Ask for the upload again: each part names its own URL.",
        )
    try:
        receipt, sha256 = blob_store().write_part(key_of(upload, file), number, chunks, size_bytes=size_bytes)
    except StorageError as error:
        if error.code != "size_mismatch":
            raise
        raise Unprocessable(error.code, f"{file.path}: {error.detail}", hint="Send the part again.") from error
    return receipt.size_bytes, sha256


def require_all(file: UploadFile, parts: list[PartPlan]) -> None:
    """Raise Conflict ``upload_incomplete`` unless every part has arrived."""
    missing = [part.number for part in parts if not part.is_received]
    if missing:
        raise Conflict(
            "upload_incomplete",
            f"{file.path}: parts {missing[:20]} of {len(parts)} have not arrived",
            field="files",
            hint="Send them, then finish again.",
        )


def require_open(upload: Upload) -> None:
    """Raise Conflict ``upload_closed`` unless the upload takes parts."""
    if upload.state != UploadState.OPEN:
        raise closed(upload)


def closed(upload: Upload) -> Conflict:
    """The error for an upload that is not open any more."""
    return Conflict("upload_closed", f"upload {upload.pk} is {upload.state}", hint="Open a new upload.")


def _cut(size_bytes: int, part_size_bytes: int) -> list[tuple[int, int, int]]:
    """Number, offset and length of each part."""
    offsets = range(0, max(size_bytes, 1), part_size_bytes)
    return [(number, at, min(part_size_bytes, size_bytes - at)) for number, at in enumerate(offsets, start=1)]
