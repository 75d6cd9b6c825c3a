"""Bring back a revision whose validation ended without a verdict, so that it can be validated again."""

from django.db import transaction

from catalog.adapters.commits import reserve_version, same_files_published
from catalog.adapters.models import Adapter, Revision, RevisionState
from catalog.errors import Conflict


@transaction.atomic
def reopen_revision(revision_id: int, *, version: str) -> Revision:
    """Back from ``invalid`` to ``validating``, with ``version`` reserved again.

    Raises:
        Conflict: ``not_retryable`` (it is gone, or has its verdict), ``version_exists`` or ``version_reserved``
        (another push has the version now).
    """
    revision = Revision.objects.select_for_update().select_related("adapter__namespace").filter(pk=revision_id).first()
    if revision is None or revision.adapter.deleted_at is not None:
        raise Conflict("not_retryable", "the revision is gone", hint="Push again.")
    if revision.state != RevisionState.INVALID:
        raise Conflict("not_retryable", f"{revision} is {revision.state}: it has its verdict")
    Adapter.objects.select_for_update().get(pk=revision.adapter_id)
    if same_files_published(revision.adapter, version, revision.tree_id) is not None:
        raise Conflict("version_exists", f"{revision.adapter}@{version} is there already, with the same files")
    reserve_version(revision.adapter, version, revision)
    revision.state, revision.report, revision.facts = RevisionState.VALIDATING, {}, {}
    revision.save(update_fields=["state", "report", "facts"])
    return revision
