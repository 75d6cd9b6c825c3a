"""Bytes of uploads that are over leave the store: at once if it answers, else when the sweep finds them."""

import logging
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from catalog.store import blob_store
from catalog.uploads.models import Upload, UploadState
from storage import StorageError
from storage.keys import staging_key

log = logging.getLogger(__name__)
_CLOSED = (UploadState.COMMITTED, UploadState.ABORTED)
_STALE_AFTER = timedelta(days=1)


def drop_staging(upload: Upload) -> None:
    """Drop what the upload staged. A store that is away is no error: the sweep comes back for it."""
    try:
        blob_store().discard(staging_key(upload.pk.hex))
    except StorageError as error:
        log.warning("parts of upload %s stay in the store for now: %s", upload.pk, error.code)


def drop_stale_staging() -> int:
    """Drop staged bytes of closed uploads, of uploads that no row knows (after a day), and writes that never ended.

    Returns how many uploads were cleared. A store that is away is no error: the next round comes back.
    """
    store, stale = blob_store(), timezone.now() - _STALE_AFTER
    dropped = 0
    try:
        for staged in store.staged():
            state = Upload.objects.filter(pk=UUID(staged.upload_hex)).values_list("state", flat=True).first()
            if state in _CLOSED or (state is None and staged.touched_at < stale):
                store.discard(staging_key(staged.upload_hex))
                dropped += 1
        store.drop_unfinished(stale)
    except StorageError as error:
        log.warning("stale parts stay in the store for now: %s", error.code)
    return dropped
