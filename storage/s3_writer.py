"""One object of any size, written from a stream with the memory of one part, visible only once committed."""

import logging
from types import TracebackType

from storage.interface import StorageError
from storage.s3_bucket import Bucket

log = logging.getLogger(__name__)

MIN_PART_BYTES = 8 << 20
# S3 takes 10,000 parts of one object.
_MAX_PARTS = 9_000
_MIB = 1 << 20


class ObjectWriter:
    """Write chunks, then :meth:`commit`; leaving the ``with`` block without it leaves nothing behind.

    Parts are all of one size (some servers insist) and what fits one part is sent at the end, in one request.
    """

    def __init__(self, bucket: Bucket, key: str, size_bytes: int) -> None:
        self._bucket = bucket
        self._key = key
        self._part_bytes = part_bytes(size_bytes)
        self._buffer = bytearray()
        self._written_bytes = 0
        self._upload_id = ""
        self._parts: list[dict[str, object]] = []

    def __enter__(self) -> "ObjectWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._upload_id:
            self._abort()

    def write(self, chunk: bytes) -> None:
        """Add bytes; a part is sent as soon as it is full and more follows. Raises StorageError."""
        self._buffer += chunk
        self._written_bytes += len(chunk)
        while len(self._buffer) > self._part_bytes:
            self._send_part(self._part_bytes)

    def commit(self) -> None:
        """Make the object visible.

        An answer lost on its way is no failure if the object is there with all its bytes.

        Raises:
            StorageError: the object is not there, or not with as many bytes as were written.
        """
        failure = StorageError("storage_unavailable", f"{self._key}: the store keeps another size than it was sent")
        try:
            self._finish()
        except StorageError as error:
            failure = error
        if self._bucket.size_bytes(self._key) != self._written_bytes:
            raise failure
        self._upload_id = ""

    def _finish(self) -> None:
        if not self._upload_id:
            self._bucket.put(self._key, bytes(self._buffer))
            return
        self._send_part(len(self._buffer))
        self._bucket.call(
            "complete_multipart_upload",
            self._key,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._parts},
        )

    def _send_part(self, size_bytes: int) -> None:
        if not self._upload_id:
            begun = self._bucket.call("create_multipart_upload", self._key, ContentType="application/octet-stream")
            self._upload_id = begun["UploadId"]
        number = len(self._parts) + 1
        body = bytes(memoryview(self._buffer)[:size_bytes])
        sent = self._bucket.call("upload_part", self._key, UploadId=self._upload_id, PartNumber=number, Body=body)
        # The ETag only tells the server which parts are meant.
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        del self._buffer[:size_bytes]

    def _abort(self) -> None:
        try:
            self._bucket.abort(self._key, self._upload_id)
        except StorageError as error:
            log.warning("an unfinished multipart upload may stay in the store: %s", error.detail)


def part_bytes(size_bytes: int) -> int:
    """Size of the parts of an object of ``size_bytes``: 8 MiB, or as much more as keeps them under 9,000."""
    least = -(-size_bytes // _MAX_PARTS)
    return max(MIN_PART_BYTES, -(-least // _MIB) * _MIB)
