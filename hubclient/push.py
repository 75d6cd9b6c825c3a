"""Push: a folder becomes a revision. Bytes are hashed while they are sent, and a killed push continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cache import sha256_of
from .connection import Connection
from .errors import HubError, IntegrityError, RefusedError, RejectedError, StoreRefusedError
from .folder import LocalFile, collect_files
from .resume import UploadMemory
from .sending import Digests, Progress, Sender

RESENDABLE = frozenset({"digest_mismatch", "upload_incomplete"})
FRUITLESS_RENEWALS = 3


@dataclass
class PushResult:
    """What came of a push: the hub's revision, the job that looks at it, and what was left at home.

    While the hub still hashes what went to its store directly, there is no revision yet: `state` is `receiving`, and
    `job` is the one that makes it.
    """

    adapter: str
    revision: dict[str, Any]
    job: dict[str, Any] | None = None
    is_unchanged: bool = False
    skipped: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict, repr=False)
    memory: UploadMemory | None = field(default=None, repr=False, compare=False)

    @property
    def version(self) -> str | None:
        """The version that the revision holds or has reserved."""
        return self.revision.get("version")

    @property
    def state(self) -> str:
        """`receiving`, `validating`, `pending`, `published`, ... as the hub last said."""
        return str(self.revision.get("state") or "receiving")

    def check_digests(self) -> None:
        """Raise IntegrityError if the revision holds other bytes than were sent."""
        for entry in self.revision.get("files") or []:
            sent = self.digests.get(entry["path"])
            if sent is not None and entry["sha256"] != sent:
                raise IntegrityError(
                    f"The hub holds other bytes for {entry['path']} than were sent.",
                    expected=sent,
                    received=entry["sha256"],
                )

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
    memory = UploadMemory(memory_folder, connection.url, body)
    walk = _Upload(connection, files, memory, digests, on_progress)
    try:
        answer, is_unchanged = walk.run(body)
        sent = {} if is_unchanged else walk.digests.all()
    finally:
        walk.digests.close()
    revision = answer.get("revision") or {}
    result = PushResult(adapter, revision, answer.get("job"), is_unchanged, skipped, sent, memory)
    if result.state != "receiving":
        memory.forget()
        result.check_digests()
    return result


def raise_if_rejected(result: PushResult) -> None:
    """Raise RejectedError with the first finding when validation or review said no."""
    if result.state not in ("invalid", "rejected", "returned"):
        return
    review = result.revision.get("review") or {}
    name = f"{result.adapter}@{result.version}" if result.version else result.adapter
    if result.state != "invalid":
        reason = review.get("reason") or "no reason given"
        became = "rejected in review" if result.state == "rejected" else "given back with a wish for changes"
        raise RejectedError(f"{name} was {became}: {reason}", revision=result.revision)
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
        self.digests = Digests(digests)
        self.sender = Sender(connection, self.files, on_progress or (lambda done, total, label: None))

    def run(self, body: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """The final answer of the hub, and whether it held all of this already."""
        upload = self._resumed() or self._opened(body)
        if upload.get("state") in ("committed", "receiving"):
            return upload, upload["state"] == "committed"
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
        finished = self._finished(known) if upload.get("state") in ("committed", "receiving") else None
        if finished is None or finished.get("state") != "receiving":
            self.memory.forget()
        return finished

    def _finished(self, upload_id: str) -> dict[str, Any] | None:
        """The answer to a finish that a killed client never read, if it was for these very bytes."""
        self.digests.begin(self.files)
        try:
            answer = self._finish(f"/uploads/{upload_id}")
        except RefusedError:
            return None
        if answer.get("state") == "receiving":  # the hub refuses to say so for other digests
            return answer
        held = {entry["path"]: entry["sha256"] for entry in (answer.get("revision") or {}).get("files") or []}
        return answer if held == self.digests.all() else None

    def _send_and_finish(self, upload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Two rounds: the second sends again what the hub dropped."""
        place = f"/uploads/{upload['id']}"
        try:
            self._send(upload, place)
            return self._finish(place)
        except HubError as error:
            if error.code not in RESENDABLE:
                raise
        self.digests.forget()
        self._send(self.connection.call("GET", place), place)
        return self._finish(place)

    def _finish(self, place: str) -> dict[str, Any]:
        listed = [{"path": path, "sha256": sha256} for path, sha256 in self.digests.all().items()]
        answer: dict[str, Any] = self.connection.call(
            "POST", f"{place}/finish", json={"files": listed}, is_repeatable=True
        )
        return answer

    def _send(self, upload: Mapping[str, Any], place: str) -> None:
        """Send what is missing; presigned URLs that ran out are renewed for as long as parts arrive."""
        self.digests.begin(self.files)
        fruitless = 0
        while True:
            try:
                self.sender.send(upload)
                return
            except StoreRefusedError:
                missing = _missing(upload)
                upload = self.connection.call("GET", place)
                fruitless = fruitless + 1 if _missing(upload) >= missing else 0
                if fruitless == FRUITLESS_RENEWALS:
                    raise


def _missing(upload: Mapping[str, Any]) -> int:
    return sum(not part["is_received"] for entry in upload["files"] for part in entry["parts"])
