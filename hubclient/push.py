"""Push: a folder becomes a revision. Bytes are hashed while they are sent, and a killed push continues."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cache import CHUNK_BYTES, sha256_of
from .connection import Connection
from .errors import HubError, IntegrityError, NotPermittedError, RefusedError, RejectedError, UsageError
from .folder import LocalFile, collect_files
from .resume import UploadMemory

Progress = Callable[[int, int, str], None]
RESENDABLE = frozenset({"digest_mismatch", "upload_incomplete"})
PART_ATTEMPTS = 3


@dataclass
class PushResult:
    """What came of a push: the hub's revision, the job that looks at it, and what was left at home."""

    adapter: str
    revision: dict[str, Any]
    job: dict[str, Any] | None = None
    is_unchanged: bool = False
    skipped: list[str] = field(default_factory=list)

    @property
    def version(self) -> str | None:
        """The version that the revision holds or has reserved."""
        return self.revision.get("version")

    @property
    def state(self) -> str:
        """`validating`, `pending`, `published`, ... as the hub last said."""
        return str(self.revision.get("state"))

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `hubclient push`."""
        return {
            "adapter": self.adapter,
            "version": self.version,
            "commit_id": self.revision.get("commit_id"),
            "state": self.state,
            "is_unchanged": self.is_unchanged,
            "skipped": self.skipped,
            "job": self.job,
            "revision": self.revision,
        }


def push_folder(
    connection: Connection,
    folder: Path,
    adapter: str,
    details: Mapping[str, Any],
    *,
    memory_folder: Path,
    on_progress: Progress | None = None,
) -> PushResult:
    """Upload the plain files of `folder` and finish; returns while the hub still validates.

    `details` are the optional fields of `POST /uploads` (version, base, task, languages, ...); None is left out.
    Raises UsageError for a folder that cannot be pushed, else what the hub answers.
    """
    files, skipped = collect_files(folder)
    given = {name: value for name, value in details.items() if value not in (None, [], ())}
    # Only a named version can be published already, and only digests sent first let the hub say so before any byte.
    digests = {file.path: sha256_of(file.source) for file in files} if given.get("version") else {}
    listed = [_listed(file, digests) for file in files]
    body = {"adapter": adapter, **given, "files": listed}
    walk = _Upload(connection, files, UploadMemory(memory_folder, connection.url, body), digests, on_progress)
    answer, is_unchanged = walk.run(body)
    revision = answer.get("revision") or {}
    return PushResult(adapter, revision, answer.get("job"), is_unchanged, skipped)


def raise_if_rejected(result: PushResult) -> None:
    """Raise RejectedError with the first finding when validation or review said no."""
    if result.state not in ("invalid", "rejected"):
        return
    review = result.revision.get("review") or {}
    name = f"{result.adapter}@{result.version}" if result.version else result.adapter
    if result.state == "rejected":
        reason = review.get("reason") or "no reason given"
        raise RejectedError(f"{name} was rejected in review: {reason}", revision=result.revision)
    finding = first_finding(result.revision.get("report") or {})
    raise RejectedError(
        str(finding.get("message") or finding.get("detail") or f"{name} did not pass validation."),
        code=str(finding.get("code") or "invalid"),
        hint=finding.get("hint"),
        field=finding.get("field"),
        tensor=finding.get("tensor"),
        expected=finding.get("expected"),
        received=finding.get("received"),
        revision=result.revision,
    )


def first_finding(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The finding that decided: the first of severity `error`, else the first at all."""
    findings: Sequence[Mapping[str, Any]] = report.get("findings") or []
    errors = [finding for finding in findings if finding.get("severity") == "error"]
    return next(iter(errors or findings), {})


def _listed(file: LocalFile, digests: Mapping[str, str]) -> dict[str, Any]:
    known = {"sha256": digests[file.path]} if file.path in digests else {}
    return {"path": file.path, "size_bytes": file.size_bytes, **known}


class _Upload:
    """The walk of one push: open or resume, send what is missing, finish."""

    def __init__(
        self,
        connection: Connection,
        files: Sequence[LocalFile],
        memory: UploadMemory,
        digests: Mapping[str, str],
        on_progress: Progress | None,
    ) -> None:
        self.connection = connection
        self.files = {file.path: file for file in files}
        self.memory = memory
        self.digests = dict(digests)
        self.total_bytes = sum(file.size_bytes for file in files)
        self.on_progress = on_progress or (lambda done, total, label: None)

    def run(self, body: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """The final answer of the hub, and whether it held all of this already."""
        upload = self._resumed() or self._opened(body)
        if upload.get("state") == "committed":
            return upload, True
        try:
            return self._send_and_finish(upload), False
        except HubError as error:
            if error.code in ("upload_closed", "not_found", "digest_mismatch"):
                self.memory.forget()
            raise

    def _opened(self, body: Mapping[str, Any]) -> dict[str, Any]:
        upload: dict[str, Any] = self.connection.call("POST", "/uploads", json=body, is_repeatable=True)
        if upload.get("state") == "open":
            self.memory.remember(str(upload["id"]))
        return upload

    def _resumed(self) -> dict[str, Any] | None:
        known = self.memory.recall()
        if known is None:
            return None
        try:
            upload: dict[str, Any] = self.connection.call("GET", f"/uploads/{known}")
        except HubError as error:
            if error.exit_code == 3:
                raise
            upload = {}
        sizes = {entry["path"]: entry["size_bytes"] for entry in upload.get("files", [])}
        if upload.get("state") == "open" and sizes == {path: file.size_bytes for path, file in self.files.items()}:
            return upload
        self.memory.forget()
        return self._finished(known) if upload.get("state") == "committed" else None

    def _finished(self, upload_id: str) -> dict[str, Any] | None:
        """The answer to a finish that a killed client never read, if it was for these very bytes."""
        digests = {path: sha256_of(file.source) for path, file in self.files.items()}
        listed = [{"path": path, "sha256": sha256} for path, sha256 in digests.items()]
        try:
            answer: dict[str, Any] = self.connection.call(
                "POST", f"/uploads/{upload_id}/finish", json={"files": listed}, is_repeatable=True
            )
        except RefusedError:
            return None
        held = {entry["path"]: entry["sha256"] for entry in (answer.get("revision") or {}).get("files") or []}
        return answer if held == digests else None

    def _send_and_finish(self, upload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Two rounds: the second sends again what the hub dropped, or what a presigned URL was too old for."""
        place = f"/uploads/{upload['id']}"
        for is_second in (False, True):
            try:
                self._send(upload)
                listed = [{"path": path, "sha256": sha256} for path, sha256 in self.digests.items()]
                answer: dict[str, Any] = self.connection.call(
                    "POST", f"{place}/finish", json={"files": listed}, is_repeatable=True
                )
                break
            except HubError as error:
                is_store = isinstance(error, NotPermittedError) and error.code == "unexpected_answer"
                if is_second or not (is_store or error.code in RESENDABLE):
                    raise
                self.digests.clear()
                upload = self.connection.call("GET", place)
        self.memory.forget()
        self._check_digests(answer.get("revision") or {})
        return answer

    def _check_digests(self, revision: Mapping[str, Any]) -> None:
        for entry in revision.get("files") or []:
            sent = self.digests.get(entry["path"])
            if sent is not None and entry["sha256"] != sent:
                raise IntegrityError(
                    f"The hub holds other bytes for {entry['path']} than were sent.",
                    expected=sent,
                    received=entry["sha256"],
                )

    def _send(self, upload: Mapping[str, Any]) -> None:
        done = 0
        for entry in upload["files"]:
            file = self.files[entry["path"]]
            reader = _HashingReader(file)
            for part in entry["parts"]:
                if not part["is_received"]:
                    self._send_part(part, reader, done)
                elif file.path not in self.digests:
                    for _ in reader.read(part["offset"], part["size_bytes"]):
                        pass
                done += part["size_bytes"]
                self.on_progress(done, self.total_bytes, file.path)
            if file.path not in self.digests:
                self.digests[file.path] = reader.sha256()

    def _send_part(self, part: Mapping[str, Any], reader: _HashingReader, done: int) -> None:
        size = int(part["size_bytes"])
        part_hash = hashlib.sha256()

        def content() -> Iterator[bytes]:
            nonlocal part_hash
            part_hash = hashlib.sha256()
            sent = 0
            for chunk in reader.read(part["offset"], size):
                part_hash.update(chunk)
                yield chunk
                sent += len(chunk)
                self.on_progress(done + sent, self.total_bytes, reader.file.path)

        for _ in range(PART_ATTEMPTS):
            answer = self.connection.put_part(part["url"], content, size)
            received = answer.get("sha256") if isinstance(answer, dict) else None
            if received in (None, part_hash.hexdigest()):
                return
        raise IntegrityError(
            f"Part {part['number']} of {reader.file.path} arrives changed at the hub.",
            expected=part_hash.hexdigest(),
            received=received,
        )


class _HashingReader:
    """Reads parts of one file in order and hashes each byte once, however often a part is read again."""

    def __init__(self, file: LocalFile) -> None:
        self.file = file
        self._hash = hashlib.sha256()
        self._hashed_to = 0

    def read(self, offset: int, size_bytes: int) -> Iterator[bytes]:
        """The bytes from `offset`, in chunks; raises UsageError `file_changed` when the file became shorter."""
        position, end = offset, offset + size_bytes
        with self.file.source.open("rb") as source:
            source.seek(offset)
            while position < end:
                chunk = source.read(min(CHUNK_BYTES, end - position))
                if not chunk:
                    raise UsageError(f"{self.file.path} became shorter while it was sent.", code="file_changed")
                if position + len(chunk) > self._hashed_to >= position:
                    self._hash.update(chunk[self._hashed_to - position :])
                    self._hashed_to = position + len(chunk)
                position += len(chunk)
                yield chunk

    def sha256(self) -> str:
        """The digest of the whole file, read once more where a part was never read here."""
        if self._hashed_to != self.file.size_bytes:
            return sha256_of(self.file.source)
        return self._hash.hexdigest()
