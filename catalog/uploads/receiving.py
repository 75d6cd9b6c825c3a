"""Uploads with large files are hashed by a job, not in the request: hand over, commit what it found, or open again."""

from typing import Any

from django.db import transaction
from django.db.models import Q

from catalog.adapters.commits import Commit
from catalog.errors import Conflict
from catalog.jobs.models import Job
from catalog.jobs.services import submit
from catalog.uploads.committing import commit_upload
from catalog.uploads.models import Upload, UploadState
from catalog.uploads.parts import closed
from catalog.uploads.promoting import Contents, promote_all
from catalog.uploads.staging import drop_staging
from storage import OnBytes

RECEIVE_UPLOAD = "receive_upload"


@transaction.atomic
def hand_over(upload: Upload, digests: dict[str, str], *, held: Q) -> Job:
    """Submit the job that hashes an upload whose bytes are all in the store. Raises Conflict ``upload_closed``."""
    job = submit(
        RECEIVE_UPLOAD,
        {"upload_id": upload.pk.hex, "digests": digests},
        created_by=upload.created_by,
        namespace=upload.namespace,
        subject=("upload", upload.full_name),
    )
    if not Upload.objects.filter(held, pk=upload.pk).update(state=UploadState.RECEIVING, receive_job=job):
        upload.refresh_from_db()
        raise closed(upload)
    upload.state, upload.receive_job = UploadState.RECEIVING, job
    return job


def receive(job: Job, on_bytes: OnBytes) -> dict[str, Any]:
    """Hash every byte of the job's upload; what :func:`commit_received` needs, as plain values. Safe to repeat.

    Raises:
        Conflict: ``upload_closed``, ``upload_incomplete``. Unprocessable: ``digest_mismatch``; that file's bytes are
        dropped. StorageError: the store is away.
    """
    upload = _upload_of(job)
    return promote_all(upload, list(upload.files.all()), job.payload["digests"], on_bytes=on_bytes).as_dict()


def commit_received(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Commit what was hashed; the job's result. Runs in the transaction that ends the job. Raises as a commit does."""
    upload = _upload_of(job)
    made: Commit = commit_upload(upload, Contents.from_dict(outcome), held=_held_by(job))
    transaction.on_commit(lambda: drop_staging(upload))
    revision = made.revision
    return {
        "upload": str(upload.pk),
        "adapter": revision.adapter.full_name,
        "version": revision.version.name,
        "commit_id": revision.commit_id,
        "job": str(revision.validation_job_id) if revision.validation_job_id else None,
    }


def reopen(job: Job) -> None:
    """The job ended badly: the upload takes parts again, if it was not aborted meanwhile."""
    Upload.objects.filter(_held_by(job), pk=job.payload["upload_id"]).update(state=UploadState.OPEN, receive_job=None)


def take_back(job: Job) -> None:
    """The job runs again: the upload waits for it. Raises Conflict ``upload_closed`` if it went another way."""
    waiting = Upload.objects.filter(pk=job.payload["upload_id"], state=UploadState.OPEN)
    if not waiting.update(state=UploadState.RECEIVING, receive_job=job):
        raise Conflict("upload_closed", "the upload was finished, aborted or dropped meanwhile", hint="Push again.")


def size_bytes_of(job: Job) -> int:
    """The announced size of everything that the job hashes."""
    return sum(_upload_of(job).files.values_list("size_bytes", flat=True))


def _held_by(job: Job) -> Q:
    return Q(state=UploadState.RECEIVING, receive_job_id=job.pk)


def _upload_of(job: Job) -> Upload:
    related = ("namespace", "created_by")
    upload = Upload.objects.select_related(*related).filter(_held_by(job), pk=job.payload["upload_id"]).first()
    if upload is None:
        raise Conflict("upload_closed", "the upload was aborted meanwhile", hint="Open a new upload.")
    return upload
