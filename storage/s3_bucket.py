"""The few calls of S3 that the hub makes, on any server that speaks it; every failure is a StorageError.

Only what every S3 server does alike is relied upon: no preconditions, no ETag read as a digest, no checksum
beyond the signature, which covers each request's body (so a body changed on its way is refused).
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from storage.hashing import CHUNK_BYTES
from storage.interface import StorageError
from storage.s3_signing import DownloadSigner
from storage.url import S3Location

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_LONGEST_WAIT_SECONDS = 4.0
GRANT_SECONDS = 600
# A client follows at once. What is withdrawn in between can be fetched no longer than this.
DOWNLOAD_SECONDS = 60
# Servers allow a quarter of an hour.
_MOST_SKEW_SECONDS = 600


class Bucket:
    """Objects below one prefix of one bucket. Safe to use from several threads."""

    def __init__(self, location: S3Location, *, max_attempts: int) -> None:
        self._name = location.bucket
        self._prefix = location.prefix
        self._max_attempts = max_attempts
        # A session of its own: boto3's default one must not be used from several threads at once.
        session = boto3.session.Session()
        self._client = _connect(session, location, location.endpoint, max_attempts)
        # A signature covers the host, so that URLs for clients are signed for the address that they use.
        self._signer = _connect(session, location, location.public, max_attempts) if location.public else self._client
        self._downloads = DownloadSigner(session.get_credentials(), region=location.region, seconds=DOWNLOAD_SECONDS)

    def call(self, operation: str, key: str, **values: Any) -> Any:
        """One operation on one object, by boto3's name for it. Raises StorageError."""
        with _translated(f"{operation} {key}"):
            return getattr(self._client, operation)(Bucket=self._name, Key=self._prefix + key, **values)

    def put(self, key: str, body: bytes | IO[bytes]) -> None:
        """Store one object, replacing an earlier one. ``body`` must be seekable, so that it can be sent again."""
        self.call("put_object", key, Body=body, ContentType="application/octet-stream")

    def size_bytes(self, key: str) -> int | None:
        """Size of an object, or None if there is none."""
        answer = self._unless_absent("head_object", key)
        return None if answer is None else int(answer["ContentLength"])

    def delete(self, key: str) -> None:
        """Remove an object; removing an absent one is no error."""
        self._unless_absent("delete_object", key)

    def presign(self, operation: str, key: str, *, seconds: int | None = None, **values: Any) -> str:
        """A URL for this one operation, good for ten minutes or for ``seconds``. It is a secret: log it nowhere."""
        with _translated(f"presign {operation} {key}"):
            url: str = self._signer.generate_presigned_url(
                operation,
                Params={"Bucket": self._name, "Key": self._prefix + key, **values},
                ExpiresIn=GRANT_SECONDS if seconds is None else seconds,
            )
        return url

    def presign_download(self, key: str, *, disposition: str, media_type: str) -> str:
        """The same for a GET that begins within a minute, in a twentieth of the time: a pull asks for each file."""
        named: dict[str, Any] = {"ResponseContentDisposition": disposition, "ResponseContentType": media_type}
        named["seconds"] = DOWNLOAD_SECONDS
        said = {"response-content-disposition": disposition, "response-content-type": media_type}
        with _translated(f"presign get_object {key}"):
            if self._downloads.learn(self._prefix + key, said, lambda: self.presign("get_object", key, **named)):
                return self._downloads.url(self._prefix + key, said)
        return self.presign("get_object", key, **named)

    @property
    def signs_downloads_itself(self) -> bool:
        """Whether :meth:`presign_download` goes without botocore, once it was called."""
        return self._downloads.is_ready

    def listing(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Key and size in bytes of every object below ``prefix``, in the order of their keys, a page at a time."""
        for entry in self._pages("list_objects_v2", "Contents", Prefix=self._prefix + prefix):
            yield entry["Key"].removeprefix(self._prefix), int(entry["Size"])

    def moments(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Key and time of the last change of every object below ``prefix``."""
        for entry in self._pages("list_objects_v2", "Contents", Prefix=self._prefix + prefix):
            yield entry["Key"].removeprefix(self._prefix), entry["LastModified"]

    def multiparts(self, prefix: str) -> Iterator[tuple[str, str, datetime]]:
        """Key, id and begin of every unfinished multipart upload below ``prefix``."""
        for entry in self._pages("list_multipart_uploads", "Uploads", Prefix=self._prefix + prefix):
            yield entry["Key"].removeprefix(self._prefix), entry["UploadId"], entry["Initiated"]

    def multipart_parts(self, key: str, multipart: str) -> Iterator[dict[str, Any]]:
        """Number, size and ETag of each part that has arrived. Raises StorageError ``multipart_missing``."""
        return self._pages("list_parts", "Parts", Key=self._prefix + key, UploadId=multipart)

    def abort(self, key: str, multipart: str) -> None:
        """Drop a multipart upload; dropping an absent one is no error."""
        try:
            self.call("abort_multipart_upload", key, UploadId=multipart)
        except StorageError as error:
            if error.code not in ("multipart_missing", "object_missing"):
                raise

    def _pages(self, operation: str, list_name: str, **values: Any) -> Iterator[dict[str, Any]]:
        pages = iter(self._client.get_paginator(operation).paginate(Bucket=self._name, **values))
        while True:
            with _translated(f"{operation} {values.get('Prefix', values.get('Key', ''))}"):
                page = next(pages, None)
            if page is None:
                return
            yield from page.get(list_name, [])

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes] | None:
        """The bytes of an object from ``start``, in chunks, or None if there is no such object.

        A body that breaks off is asked for again from where it broke, a few times; then StorageError.
        """
        if length == 0:
            return None if self.size_bytes(key) is None else iter(())
        opened = self._open(key, start, length)
        return None if opened is None else self._resumed(key, start, *opened)

    def _open(self, key: str, start: int, length: int | None) -> tuple[Any, int] | None:
        """The body of the answer and how many bytes it has."""
        if not start and length is None:
            answer = self._unless_absent("get_object", key)
        else:
            last = "" if length is None else start + length - 1
            try:
                answer = self._unless_absent("get_object", key, Range=f"bytes={start}-{last}")
            except StorageError as error:
                if error.code == "range_not_satisfiable":
                    return _Nothing(), 0
                raise
            if answer is not None and answer["ResponseMetadata"]["HTTPStatusCode"] != 206:
                answer["Body"].close()
                raise StorageError("storage_refused", f"get_object {key}: this S3 server does not understand Range")
        return None if answer is None else (answer["Body"], int(answer["ContentLength"]))

    def _resumed(self, key: str, start: int, body: Any, length: int) -> Iterator[bytes]:
        position, end, failures = start, start + length, 0
        try:
            while position < end:
                try:
                    chunk = _some(body, min(CHUNK_BYTES, end - position), key)
                except StorageError:
                    failures += 1
                    if failures >= self._max_attempts:
                        raise
                    body.close()
                    time.sleep(random.uniform(0, min(_LONGEST_WAIT_SECONDS, 0.1 * 2**failures)))
                    body = self._again(key, position, end - position)
                    continue
                position += len(chunk)
                yield chunk
        finally:
            body.close()

    def _again(self, key: str, start: int, length: int) -> Any:
        opened = self._open(key, start, length)
        if opened is None or opened[1] != length:
            raise StorageError("storage_unavailable", f"get_object {key}: the object changed while it was read")
        return opened[0]

    def _unless_absent(self, operation: str, key: str, **values: Any) -> Any:
        try:
            return self.call(operation, key, **values)
        except StorageError as error:
            if error.code == "object_missing":
                return None
            raise


class _Nothing:
    """The body of a range that begins at or after the end."""

    def close(self) -> None:
        """Nothing to close."""


def _some(body: Any, amount: int, key: str) -> bytes:
    with _translated(f"get_object {key}"):
        chunk: bytes = body.read(amount)
    if not chunk:
        raise StorageError("storage_unavailable", f"get_object {key}: the body ended early")
    return chunk


def _connect(session: Any, location: S3Location, endpoint: str, max_attempts: int) -> Any:
    """A client; boto3 looks for credentials in the environment, in shared files and in the role of the machine."""
    config = Config(
        # "standard" waits between attempts for a random part of a time that doubles.
        signature_version="s3v4",
        retries={"mode": "standard", "total_max_attempts": max_attempts},
        s3={"addressing_style": "path", "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=32,
        tcp_keepalive=True,
    )
    return session.client("s3", endpoint_url=endpoint or None, region_name=location.region, config=config)


@contextmanager
def _translated(asked: str) -> Iterator[None]:
    """Let nothing of botocore out: ``storage_unavailable`` may pass, ``storage_refused`` needs somebody's hand, and so
    does ``storage_clock_skew``: this machine's clock and the store's differ."""
    try:
        yield
    except ClientError as error:
        raise _refusal(asked, error) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        detail = f"{asked}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise StorageError("storage_refused", detail) from error
    except BotoCoreError as error:
        raise StorageError("storage_unavailable", f"{asked}: {type(error).__name__}") from error


def _refusal(asked: str, error: ClientError) -> StorageError:
    """By status, because servers differ in their codes. The server's own text stays out: it may quote credentials."""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code", ""))
    detail = f"{asked}: the store answered {status} {code}"
    if code in _ABSENT:
        return StorageError("object_missing", detail)
    if code == "NoSuchUpload":
        return StorageError("multipart_missing", detail)
    if status == 416:
        return StorageError("range_not_satisfiable", detail)
    if code == "RequestTimeTooSkewed" or (status in (400, 403) and _skew_seconds(error) > _MOST_SKEW_SECONDS):
        off = f"the store's clock and this machine's are {_skew_seconds(error):.0f} s apart; let NTP set both"
        return StorageError("storage_clock_skew", f"{detail}: {off}")
    passing = status >= 500 or status == 429 or code in ("SlowDown", "RequestTimeout", "InvalidPart")
    return StorageError("storage_unavailable" if passing else "storage_refused", detail)


def _skew_seconds(error: ClientError) -> float:
    """How far apart the clocks are, by the answer's Date: the answer to HEAD has no body to say why it is a refusal."""
    said = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        there = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return abs((datetime.now(UTC) - (there if there.tzinfo else there.replace(tzinfo=UTC))).total_seconds())
