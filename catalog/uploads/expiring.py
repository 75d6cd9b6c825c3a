"""Give an upload up: by its owner, or because nobody finished it in time."""

from contextlib import suppress

from django.db.models import Q

from catalog.errors import Conflict
from catalog.jobs.clock import database_now
from catalog.jobs.models import FINAL_STATES
from catalog.jobs.services import cancel
from catalog.uploads.finishing import takeable
from catalog.uploads.models import Upload, UploadState
from catalog.uploads.parts import closed
from catalog.uploads.staging import drop_staging


def abort_upload(upload: Upload) -> None:
    """Drop an upload and its bytes, also while a job is hashing them: then the job is cancelled.

    Raises:
        Conflict: ``upload_closed`` once it is being finished by a request, committed or aborted.
    """
    if not _drop(upload, Q(state__in=(UploadState.OPEN, UploadState.RECEIVING))):
        upload.refresh_from_db()
        raise closed(upload)


def expire_uploads() -> int:
    """Drop the bytes of uploads that nobody finished in time. Returns how many."""
    jobless = Q(receive_job=None) | Q(receive_job__state__in=FINAL_STATES)
    expired = Q(expires_at__lte=database_now()) & (takeable() | (Q(state=UploadState.RECEIVING) & jobless))
    return sum(_drop(upload, expired) for upload in Upload.objects.filter(expired)[:200])


def _drop(upload: Upload, condition: Q) -> bool:
    """Abort the upload if ``condition`` still holds, so that one being finished this moment keeps its bytes."""
    dropped = Upload.objects.filter(condition, pk=upload.pk).update(state=UploadState.ABORTED)
    if not dropped:
        return False
    upload.refresh_from_db()
    if upload.receive_job is not None:
        with suppress(Conflict):
            cancel(upload.created_by, upload.receive_job)
    drop_staging(upload)
    return True
