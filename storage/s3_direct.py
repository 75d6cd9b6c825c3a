"""Clients and the bucket, without the hub between: presigned parts of a multipart upload, presigned downloads.

A multipart upload goes to the key of its file's first staged part, so that the completed object is promoted like any
other staged part: read back and hashed, byte by byte, before anything lies under its digest.
"""

from typing import Any

from storage.interface import PartReceipt, StorageError
from storage.keys import blob_key
from storage.s3_bucket import Bucket
from storage.s3_keys import part_key

# What S3 demands of every part but the last.
_MIN_PART_BYTES = 5 << 20
_MEDIA_TYPE = "application/octet-stream"


class S3Direct:
    """What :class:`storage.interface.DirectTransfer` promises, on S3."""

    min_part_bytes = _MIN_PART_BYTES

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def begin(self, staging: str) -> str:
        begun = self._bucket.call("create_multipart_upload", part_key(staging, 1), ContentType=_MEDIA_TYPE)
        multipart: str = begun["UploadId"]
        return multipart

    def part_url(self, staging: str, multipart: str, number: int, *, size_bytes: int) -> str:
        # The length is signed, so that nobody fills the bucket with more than was announced.
        return self._bucket.presign(
            "upload_part", part_key(staging, 1), UploadId=multipart, PartNumber=number, ContentLength=size_bytes
        )

    def parts(self, staging: str, multipart: str) -> list[PartReceipt] | None:
        listed = self._listed(staging, multipart)
        if listed is None:
            return None
        return [PartReceipt(int(entry["PartNumber"]), int(entry["Size"])) for entry in listed]

    def complete(self, staging: str, multipart: str, *, size_bytes: int) -> None:
        key = part_key(staging, 1)
        listed = self._listed(staging, multipart)
        failure = StorageError("part_missing", f"{key}: the parts that arrived do not make {size_bytes} bytes")
        if listed is not None:
            if sum(int(entry["Size"]) for entry in listed) != size_bytes:
                raise failure
            meant = [{"PartNumber": entry["PartNumber"], "ETag": entry["ETag"]} for entry in listed]
            try:
                self._bucket.call(
                    "complete_multipart_upload", key, UploadId=multipart, MultipartUpload={"Parts": meant}
                )
            except StorageError as error:
                failure = error
        # An answer that was lost is no failure, and neither is a second request, if the object is there.
        if self._bucket.size_bytes(key) != size_bytes:
            raise failure

    def abort(self, staging: str, multipart: str) -> None:
        self._bucket.abort(part_key(staging, 1), multipart)

    def blob_url(self, sha256: str, *, filename: str) -> str:
        disposition = f'attachment; filename="{filename}"'
        return self._bucket.presign_download(blob_key(sha256), disposition=disposition, media_type=_MEDIA_TYPE)

    def _listed(self, staging: str, multipart: str) -> list[dict[str, Any]] | None:
        try:
            listed = list(self._bucket.multipart_parts(part_key(staging, 1), multipart))
        except StorageError as error:
            if error.code in ("multipart_missing", "object_missing"):
                return None
            raise
        return sorted(listed, key=lambda entry: int(entry["PartNumber"]))
