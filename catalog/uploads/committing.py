"""An upload whose bytes are hashed becomes a revision: one transaction, and only while the upload is still held."""

from typing import Any

from django.db import transaction
from django.db.models import Q

from catalog.adapters.blobs import add_blob
from catalog.adapters.commits import Commit, commit
from catalog.adapters.services import create_adapter
from catalog.cards import CardError, split_card
from catalog.uploads.metadata import Metadata, revision_fields
from catalog.uploads.models import Upload, UploadState
from catalog.uploads.parts import closed
from catalog.uploads.promoting import Contents


@transaction.atomic
def commit_upload(upload: Upload, contents: Contents, *, held: Q) -> Commit:
    """Write the revision, reserve its version, submit its validation and close the upload.

    ``held`` says in which state the caller left the upload: if it is in another one now, nothing is written.

    Raises:
        Conflict: ``upload_closed``, ``version_exists``, ``version_reserved``. NotPermitted: the role was lost.
        Busy: a blob was collected meanwhile; promote again.
    """
    author = upload.created_by
    adapter = create_adapter(author, full_name=upload.full_name, visibility=upload.visibility, exist_ok=True)
    # In the order of their digests, so that two commits of the same files never wait for each other.
    in_order = sorted(contents.receipts.items(), key=lambda named: named[1].sha256)
    made = commit(
        adapter,
        author=author,
        files={path: add_blob(receipt) for path, receipt in in_order},
        version=upload.version or None,
        message=upload.message,
        metadata=_revision_fields(upload, contents.card),
    )
    if not Upload.objects.filter(held, pk=upload.pk).update(state=UploadState.COMMITTED, revision=made.revision):
        upload.refresh_from_db()
        raise closed(upload)
    upload.state, upload.revision = UploadState.COMMITTED, made.revision
    return made


def _revision_fields(upload: Upload, text: str) -> dict[str, Any]:
    given = Metadata(**upload.metadata)
    try:
        card, body = split_card(text)
    except CardError as error:
        return revision_fields(given, {"error": str(error)}, text)
    return revision_fields(given, card, body)
