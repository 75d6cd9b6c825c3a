"""Decide about pending revisions: the one service behind the API and the dashboard."""

from django.db import transaction

from catalog.accounts.models import Role, User
from catalog.accounts.querysets import REVIEW_ROLES, is_staff
from catalog.accounts.services import require_role
from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.publication import lock_revision, publish_revision, reject_revision
from catalog.errors import Conflict, InvalidInput, NotPermitted
from catalog.reviews.models import Decision, Review


@transaction.atomic
def decide(actor: User, revision: Revision, *, decision: str, reason: str = "", override_gate: bool = False) -> Review:
    """Approve (and publish) or reject a pending revision; an owner may approve what a publish gate keeps out.

    Raises:
        InvalidInput: unknown decision; a rejection, or an override, without a reason.
        NotPermitted: no reviewer of the namespace, ``self_review`` of one's own push, an override by no owner.
        Conflict: ``already_decided`` or ``not_reviewable``; ``score_not_measured``, ``score_dropped`` or
        ``answers_turned_wrong`` by the gate.
    """
    if decision not in Decision.values:
        raise InvalidInput(detail=f"unknown decision {decision!r}", field="decision", hint="approve or reject")
    if decision == Decision.REJECT and not reason.strip():
        raise InvalidInput(
            detail="a rejection needs a reason", field="reason", hint="Say what must change before it can be published."
        )
    namespace = revision.adapter.namespace
    require_role(actor, namespace, REVIEW_ROLES, "review")
    if override_gate:
        require_role(actor, namespace, (Role.OWNER,), "publish against its policies")
        if not reason.strip():
            raise InvalidInput(detail="publishing against a policy needs a reason", field="reason", hint="Say why.")
    # Where no review is required, a gate alone keeps a push back, and its owner may decide about it.
    if revision.author_id == actor.pk and namespace.is_review_required and not is_staff(actor):
        raise NotPermitted("self_review", "nobody reviews what they pushed themselves", hint="Ask another reviewer.")
    fresh = lock_revision(revision)
    if fresh.state in (RevisionState.PUBLISHED, RevisionState.REJECTED, RevisionState.YANKED):
        raise Conflict("already_decided", f"{revision} is already {fresh.state}")
    review = Review.objects.create(revision=revision, reviewer=actor, decision=decision, reason=reason.strip())
    if decision == Decision.APPROVE:
        publish_revision(revision, actor=actor, reason=review.reason, is_gate_overridden=override_gate)
    else:
        reject_revision(revision, actor=actor, reason=review.reason)
    return review
