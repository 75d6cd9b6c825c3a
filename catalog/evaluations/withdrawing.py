"""Withdraw a set, or one revision of it: its rows go, what was measured on them stays.

Rows may have to go because of their licence, of a person in them, or because they were wrong. Nothing is measured on
them from then on, nobody gets them, and the store drops the bytes unless something else holds them. Scores, answers
and comparisons stay where they are, and say so.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import Role, User
from catalog.accounts.services import require_role
from catalog.errors import InvalidInput
from catalog.evaluations.models import EvaluationSet, SetFile, SetRevision
from catalog.reviews.audit import record


@transaction.atomic
def withdraw_set(actor: User, named: EvaluationSet, *, reason: str) -> EvaluationSet:
    """Withdraw a set with all its revisions; its name stays taken. Once more changes nothing.

    Raises:
        NotPermitted: not an owner. InvalidInput: no reason.
    """
    reason = _checked(actor, named, reason)
    row = EvaluationSet.objects.select_for_update(of=("self",)).select_related("namespace").get(pk=named.pk)
    if row.withdrawn_at is None:
        row.withdrawn_at, row.withdrawal_reason = timezone.now(), reason
        row.save(update_fields=["withdrawn_at", "withdrawal_reason"])
        _release(row, list(row.revisions.filter(withdrawn_at=None)), reason, row.withdrawn_at)
        record(actor, "withdraw_set", row, before="offered", after="withdrawn", note=reason)
    return row


@transaction.atomic
def withdraw_revision(actor: User, named: SetRevision, *, reason: str) -> SetRevision:
    """Withdraw one revision; ``org/set`` then means the newest of the others. Raises as :func:`withdraw_set`."""
    reason = _checked(actor, named.evaluation_set, reason)
    own = EvaluationSet.objects.select_for_update().get(pk=named.evaluation_set_id)
    row = own.revisions.get(pk=named.pk)
    if row.withdrawn_at is None:
        _release(own, [row], reason, timezone.now())
        row.refresh_from_db()
        record(actor, "withdraw_rows", row, before="offered", after="withdrawn", note=reason)
    return row


def _release(own: EvaluationSet, revisions: list[SetRevision], reason: str, at: datetime) -> None:
    """Let go of the files: the collection of garbage drops what nothing else holds."""
    chosen = [revision.pk for revision in revisions]
    own.revisions.filter(pk__in=chosen).update(withdrawn_at=at, withdrawal_reason=reason)
    SetFile.objects.filter(revision__in=chosen).delete()


def _checked(actor: User, own: EvaluationSet, reason: str) -> str:
    require_role(actor, own.namespace, (Role.OWNER,), "withdraw an evaluation set")
    if not reason.strip():
        raise InvalidInput(detail="a withdrawal needs a reason", field="reason", hint="Say why the rows have to go.")
    return reason.strip()[:500]
