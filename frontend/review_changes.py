"""What a reviewer is shown of the changes: against the published version, and since changes were asked for."""

from dataclasses import dataclass
from typing import Any

from catalog.accounts.models import User
from catalog.adapters.difference import Difference, FileChange, difference
from catalog.adapters.models import Revision
from catalog.errors import DomainError
from catalog.evaluations.standing import against
from catalog.reviews.models import Case
from frontend.facts import Change, changes


@dataclass(frozen=True)
class Changed:
    """Facts, files and card of a revision beside those of an earlier one."""

    before: Revision
    facts: list[Change]
    equal: list[Change]
    files: list[FileChange]
    found: Difference


def changes_context(viewer: User, revision: Revision, case: Case | None) -> dict[str, Any]:
    """``changed``: against the published version; ``since``: against the push that this one answers. Or None."""
    published = Revision.objects.filter(adapter=revision.adapter, state="published").exclude(pk=revision.pk)
    previous = published.for_display().order_by("-published_at", "-id").first()
    return {
        "previous": previous,
        "changed": _changed(viewer, previous, revision),
        "since": _changed(viewer, _answered(revision, case), revision),
        "against": against(viewer, previous, revision) if previous else [],
    }


def _answered(revision: Revision, case: Case | None) -> Revision | None:
    if case is None:
        return None
    earlier = Revision.objects.filter(case__thread_id=case.thread_id, case__pk__lt=case.pk)
    return earlier.for_display().order_by("-case__pk").first()


def _changed(viewer: User, before: Revision | None, after: Revision) -> Changed | None:
    if before is None:
        return None
    try:
        found = difference(viewer, after.adapter, before.commit_id, after.commit_id)
    except DomainError:  # the earlier one was withdrawn
        return None
    facts = changes(before, after)
    return Changed(
        before=before,
        facts=[row for row in facts if row.is_different],
        equal=[row for row in facts if not row.is_different],
        files=[row for row in found.files if row.change != "same"],
        found=found,
    )
