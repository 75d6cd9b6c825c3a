"""Open and close the case of a revision. Called with its adapter locked, by whoever changes its state."""

from django.utils import timezone

from catalog.adapters.models import Revision, RevisionState, Version, VersionState
from catalog.reviews.models import Case, Decision, Priority, Review, Thread

_WARNING = "warning"
_MOST_COUNTED = 32_767


def open_case(revision: Revision) -> Case:
    """Put an accepted revision before the reviewers of its namespace.

    Where changes were asked for before, this push answers them: it keeps the thread, comes soon, and goes to whoever
    asked.
    """
    version = Version.objects.filter(revision=revision).values_list("name", flat=True).first() or ""
    before = _answered(revision, version)
    is_published = revision.adapter.versions.exclude(state=VersionState.RESERVED).exists()
    return Case.objects.create(
        revision=revision,
        thread=before.thread if before else Thread.objects.create(),
        version=version,
        priority=Priority.HIGH if before else Priority.NORMAL,
        assignee_id=_who_asked(before) if before else None,
        warnings=min(warnings_in(revision), _MOST_COUNTED),
        disagreements=min(len(revision.report.get("disagreements") or []), _MOST_COUNTED),
        is_first=not is_published,
        entered_at=timezone.now(),
    )


def close_case(revision: Revision, decision: str = "") -> None:
    """End the case, if it is open; ``decision`` is empty where no person ended it."""
    case = Case.objects.filter(revision=revision, closed_at=None).first()
    if case is None:
        return
    case.closed_at, case.decision = timezone.now(), decision
    case.waited_seconds = max(0, round((case.closed_at - case.entered_at).total_seconds()))
    case.save(update_fields=["closed_at", "decision", "waited_seconds"])


def warnings_in(revision: Revision) -> int:
    """How many of the findings are warnings."""
    findings = revision.report.get("findings") or []
    return sum(1 for finding in findings if isinstance(finding, dict) and finding.get("severity") == _WARNING)


def _answered(revision: Revision, version: str) -> Case | None:
    """The case that this push answers: that of the same version, else the newest; no other waits for an answer then."""
    returned = Case.objects.filter(
        revision__adapter_id=revision.adapter_id, revision__state=RevisionState.RETURNED, is_answered=False
    )
    waiting = list(returned.order_by("-pk"))
    if not waiting:
        return None
    Case.objects.filter(pk__in=[case.pk for case in waiting]).update(is_answered=True)
    return next((case for case in waiting if case.version == version), waiting[0])


def _who_asked(case: Case) -> int | None:
    asked = Review.objects.filter(revision_id=case.revision_id, decision=Decision.ASK_CHANGES)
    return asked.values_list("reviewer_id", flat=True).first() or case.assignee_id
