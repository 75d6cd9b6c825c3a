"""Decide about pending revisions: the one service behind the API and the dashboard."""

from django.db import transaction

from catalog.accounts.models import User
from catalog.accounts.querysets import REVIEW_ROLES, is_staff
from catalog.accounts.services import require_role
from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.publication import lock_revision, publish_revision, reject_revision
from catalog.errors import Conflict, InvalidInput, NotPermitted
from catalog.reviews.models import Decision, Review


@transaction.atomic
def decide(actor: User, revision: Revision, *, decision: str, reason: str = "") -> Review:
    """Approve (and publish) or reject a pending revision.

    Raises:
        InvalidInput: unknown decision, or a rejection without a reason.
        NotPermitted: no reviewer of the namespace, or ``self_review`` of one's own push.
        Conflict: ``already_decided`` or ``not_reviewable``.
    """
    if decision not in Decision.values:
        raise InvalidInput(detail=f"unknown decision {decision!r}", field="decision", hint="approve or reject")
    if decision == Decision.REJECT and not reason.strip():
        raise InvalidInput(
            detail="a rejection needs a reason", field="reason", hint="Say what must change before it can be published."
        )
    require_role(actor, revision.adapter.namespace, REVIEW_ROLES, "review")
    if revision.author_id == actor.pk and not is_staff(actor):
        raise NotPermitted("self_review", "nobody reviews what they pushed themselves", hint="Ask another reviewer.")
    fresh = lock_revision(revision)
    if fresh.state in (RevisionState.PUBLISHED, RevisionState.REJECTED, RevisionState.YANKED):
        raise Conflict("already_decided", f"{revision} is already {fresh.state}")
    review = Review.objects.create(revision=revision, reviewer=actor, decision=decision, reason=reason.strip())
    if decision == Decision.APPROVE:
        publish_revision(revision, actor=actor, reason=review.reason)
    else:
        reject_revision(revision, actor=actor, reason=review.reason)
    return review
