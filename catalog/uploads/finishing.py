"""Finish an upload: at once where every byte passed through the hub, by a job where large files went past it."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.errors import Busy, InvalidInput, NotFound
from catalog.jobs.models import Job
from catalog.removals.refusing import refuse_removed
from catalog.uploads.committing import commit_upload
from catalog.uploads.direct import direct_for
from catalog.uploads.models import Upload, UploadFile, UploadState
from catalog.uploads.opening import AnnouncedFile, already_published
from catalog.uploads.parts import closed, key_of, plan_parts, require_all
from catalog.uploads.promoting import promote_all
from catalog.uploads.receiving import hand_over
from catalog.uploads.staging import drop_staging

_FINISHING_SECONDS = 600


@dataclass(frozen=True)
class Finished:
    """What came of finishing: a revision, or the job that will make it once it has hashed every byte."""

    revision: Revision | None
    receive_job: Job | None = None
    is_new: bool = True


def finish_upload(actor: User, upload: Upload, digests: dict[str, str]) -> Finished:
    """Commit what was sent, or hand it to a job that hashes it first. Finishing twice answers the same.

    Raises:
        InvalidInput: a digest is missing or malformed. Conflict: ``upload_incomplete``, ``upload_closed``,
        ``version_exists``, ``bytes_were_removed``. Unprocessable: ``digest_mismatch``; that file's parts are dropped,
        the upload stays open.
    """
    if upload.created_by_id != actor.pk:
        raise NotFound(detail=f"you have no upload {upload.pk}")
    if upload.state in (UploadState.COMMITTED, UploadState.RECEIVING):
        return _made_elsewhere(upload, digests)
    files = list(upload.files.all())
    _check_digests(files, digests)
    if not _take(upload):
        return _made_elsewhere(upload, digests)
    held = Q(state=UploadState.FINISHING, finishing_since=upload.finishing_since)
    try:
        finished = _finish(upload, files, digests, held)
    except BaseException:
        Upload.objects.filter(held, pk=upload.pk).update(state=UploadState.OPEN)
        raise
    if finished.revision is not None:
        drop_staging(upload)
    return finished


def _finish(upload: Upload, files: list[UploadFile], digests: dict[str, str], held: Q) -> Finished:
    refuse_removed(digests.values())
    if upload.version:
        # Asked before any byte becomes a blob, so that a refused push leaves none behind.
        announced = [AnnouncedFile(file.path, file.size_bytes, digests[file.path]) for file in files]
        already_published(upload.namespace, upload.adapter_name, upload.version, announced)
    if _join_direct_files(upload, files):
        return Finished(None, hand_over(upload, digests, held=held))
    made = commit_upload(upload, promote_all(upload, files, digests), held=held)
    return Finished(made.revision, is_new=made.is_new)


def _join_direct_files(upload: Upload, files: list[UploadFile]) -> bool:
    """Whether any file went past the hub. If so all parts of all files are there, and each such file is one object."""
    found = [(file, direct) for file in files if (direct := direct_for(upload, file)) is not None]
    if not found:
        return False
    for file in files:
        require_all(file, plan_parts(upload, file))
    for file, direct in found:
        direct.complete(key_of(upload, file), file.multipart, size_bytes=file.size_bytes)
    return True


def takeable() -> Q:
    """Open, or held by a request that died ten minutes ago."""
    stale = timezone.now() - timedelta(seconds=_FINISHING_SECONDS)
    return Q(state=UploadState.OPEN) | Q(state=UploadState.FINISHING, finishing_since__lte=stale)


def _check_digests(files: list[UploadFile], digests: dict[str, str]) -> None:
    for file in files:
        digest = digests.get(file.path, "")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise InvalidInput(
                detail=f"{file.path} needs its SHA-256 in lower-case hexadecimal; received {digest[:80]!r}",
                field="files",
            )
    unknown = sorted(set(digests) - {file.path for file in files})
    if unknown:
        raise InvalidInput(detail=f"{unknown[0]!r} was not announced in this upload", field="files")


def _take(upload: Upload) -> bool:
    """Only one request at a time may finish an upload; returns whether this one may."""
    now = timezone.now()
    taken = Upload.objects.filter(takeable(), pk=upload.pk).update(state=UploadState.FINISHING, finishing_since=now)
    if taken:
        upload.state, upload.finishing_since = UploadState.FINISHING, now
    return bool(taken)


def _made_elsewhere(upload: Upload, digests: dict[str, str]) -> Finished:
    """What another request made of the upload. Raises Busy while it is at it, Conflict ``upload_closed``."""
    upload.refresh_from_db()
    if upload.state == UploadState.FINISHING:
        raise Busy(detail="another request is finishing this upload", hint="Ask for the upload again in a moment.")
    if upload.state == UploadState.RECEIVING and upload.receive_job is not None:
        if upload.receive_job.payload["digests"] != digests:
            raise closed(upload)
        return Finished(None, upload.receive_job, is_new=False)
    if upload.state == UploadState.COMMITTED and upload.revision is not None:
        return Finished(upload.revision, is_new=False)
    raise closed(upload)
