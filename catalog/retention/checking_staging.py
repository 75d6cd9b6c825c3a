"""Received parts in the store against the uploads that they belong to."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.utils import timezone

from catalog.retention.findings import Finding
from catalog.store import blob_store
from catalog.uploads.models import Upload, UploadState
from storage.keys import staging_key

# The sweep clears these by itself; what is older was left behind.
_PATIENCE = timedelta(hours=1)
_UNKNOWN_PATIENCE = timedelta(days=2)


def check_staging() -> Iterator[Finding]:
    """``staging_left``: parts of an upload that ended over an hour ago, or that no row has known for two days."""
    store = blob_store()
    for staged in store.staged():
        age = timezone.now() - staged.touched_at
        state = Upload.objects.filter(pk=UUID(staged.upload_hex)).values_list("state", flat=True).first()
        is_closed = state in (UploadState.COMMITTED, UploadState.ABORTED)
        if (is_closed and age > _PATIENCE) or (state is None and age > _UNKNOWN_PATIENCE):
            detail = f"parts of an upload that {'is ' + state if state else 'nobody knows'} are still in the store"
            yield Finding(
                "staging_left", staged.upload_hex, detail, partial(store.discard, staging_key(staged.upload_hex))
            )
