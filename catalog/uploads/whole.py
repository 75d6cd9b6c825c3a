"""A push whose files are all here already, as a form of a page sends them: announced, sent and finished in one."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from catalog.accounts.models import User
from catalog.adapters.models import Revision, Visibility
from catalog.errors import Conflict
from catalog.uploads.expiring import abort_upload
from catalog.uploads.finishing import Finished, finish_upload
from catalog.uploads.metadata import Metadata
from catalog.uploads.models import Upload
from catalog.uploads.opening import AnnouncedFile, open_upload
from catalog.uploads.parts import plan_parts, receive_part

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SentFile:
    """One file that arrived: its path in the adapter, and its bytes to read from the start."""

    path: str
    size_bytes: int
    content: IO[bytes]


def push_whole(
    actor: User,
    files: Sequence[SentFile],
    *,
    adapter: str,
    metadata: Metadata,
    version: str = "",
    message: str = "",
    visibility: str = Visibility.PUBLIC,
) -> Finished:
    """Push files that the hub holds already; what cannot be finished leaves no upload open.

    Raises:
        DomainError: whatever announcing, sending or finishing refuses.
    """
    announced = [AnnouncedFile(file.path, file.size_bytes) for file in files]
    opened = open_upload(
        actor,
        adapter=adapter,
        files=announced,
        metadata=metadata,
        version=version,
        message=message,
        visibility=visibility,
        is_direct=False,
    )
    if isinstance(opened, Revision):
        return Finished(opened, is_new=False)
    try:
        return finish_upload(actor, opened, _send(opened, files))
    except BaseException:
        with suppress(Conflict):
            abort_upload(opened)
        raise


def _send(upload: Upload, files: Sequence[SentFile]) -> dict[str, str]:
    """Every part of every file into the store. Returns each file's SHA-256."""
    sent = {file.path: file for file in files}
    digests = {}
    for row in upload.files.all():
        hasher = hashlib.sha256()
        content = sent[row.path].content
        content.seek(0)
        for plan in plan_parts(upload, row):
            receive_part(upload, index=row.index, number=plan.number, chunks=_chunks(content, plan.size_bytes, hasher))
        digests[row.path] = hasher.hexdigest()
    return digests


def _chunks(content: IO[bytes], size_bytes: int, hasher: "hashlib._Hash") -> Iterator[bytes]:
    left = size_bytes
    while left > 0 and (chunk := content.read(min(left, _CHUNK_BYTES))):
        hasher.update(chunk)
        left -= len(chunk)
        yield chunk
