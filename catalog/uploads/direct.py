"""Large files go to the store itself, where it takes them: one multipart upload each, begun when first asked for."""

from dataclasses import dataclass

from catalog.store import blob_store
from catalog.uploads.models import Upload, UploadFile
from storage import DirectTransfer

_MIB = 1 << 20
# Each part costs a signature whenever the upload is asked for.
_MAX_PARTS = 1_000


def direct_for(upload: Upload, file: UploadFile) -> DirectTransfer | None:
    """How this file reaches the store by itself; None if it passes through the hub: one part is not worth the trip."""
    direct = blob_store().direct
    if direct is None or not upload.is_direct or file.size_bytes <= max(upload.part_size_bytes, direct.min_part_bytes):
        return None
    return direct


def part_bytes(direct: DirectTransfer, upload: Upload, file: UploadFile) -> int:
    """Size of the parts of a direct file: the upload's, or more where the store or the number of parts demands it."""
    least = -(-file.size_bytes // _MAX_PARTS)
    return max(upload.part_size_bytes, direct.min_part_bytes, -(-least // _MIB) * _MIB)


@dataclass(frozen=True)
class Begun:
    """The multipart upload of a file and the size of each part that has arrived; ``is_whole`` once it is completed."""

    multipart: str
    sizes: dict[int, int]
    is_whole: bool = False


def begun(direct: DirectTransfer, file: UploadFile, key: str) -> Begun:
    """The multipart upload of a file, begun if there is none.

    The row says which one counts: of two that begin at once, the second to write takes the first one's and drops its
    own.
    """
    known = _known(direct, file, key) if file.multipart else None
    if known is not None:
        return known
    made = direct.begin(key)
    if UploadFile.objects.filter(pk=file.pk, multipart=file.multipart).update(multipart=made):
        file.multipart = made
        return Begun(made, {})
    direct.abort(key, made)
    file.refresh_from_db(fields=["multipart"])
    return _known(direct, file, key) or Begun(file.multipart, {})


def _known(direct: DirectTransfer, file: UploadFile, key: str) -> Begun | None:
    arrived = direct.parts(key, file.multipart)
    if arrived is not None:
        return Begun(file.multipart, {part.number: part.size_bytes for part in arrived})
    joined = [part.size_bytes for part in blob_store().parts(key)]
    return Begun(file.multipart, {}, is_whole=True) if joined == [file.size_bytes] else None
