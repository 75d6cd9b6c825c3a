"""Decide about pending revisions: the one service behind the API, the dashboard and the command line."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db import transaction

from catalog.accounts.models import Role, User
from catalog.accounts.querysets import REVIEW_ROLES, is_staff
from catalog.accounts.services import require_role
from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.publication import lock_revision, publish_revision, reject_revision, return_revision
from catalog.errors import Conflict, DomainError, InvalidInput, NotPermitted
from catalog.reviews.cases import close_case
from catalog.reviews.models import Decision, Review
from catalog.reviews.waivers import needs_review

MOST_AT_ONCE = 100
_DECIDED = (RevisionState.PUBLISHED, RevisionState.REJECTED, RevisionState.RETURNED, RevisionState.YANKED)
_SENT_BACK = {
    Decision.REJECT: (reject_revision, "a rejection", "Say what must change before it can be published."),
    Decision.ASK_CHANGES: (return_revision, "asking for changes", "Say what to change; the author reads it."),
}


@dataclass(frozen=True)
class Outcome:
    """What became of many: those that were done, and those that were refused, each with the error."""

    done: list[Revision] = field(default_factory=list)
    refused: list[tuple[Revision, DomainError]] = field(default_factory=list)


@transaction.atomic
def decide(actor: User, revision: Revision, *, decision: str, reason: str = "", override_gate: bool = False) -> Review:
    """Approve (and publish), reject, or give back a pending revision; an owner may approve what a gate keeps out.

    Raises:
        InvalidInput: unknown decision; anything but an approval, or an override, without a reason.
        NotPermitted: no reviewer of the namespace, ``self_review`` of one's own push, an override by no owner.
        Conflict: ``already_decided`` or ``not_reviewable``; ``score_not_measured``, ``score_dropped`` or
        ``answers_turned_wrong`` by the gate.
    """
    if decision not in Decision.values:
        raise InvalidInput(
            detail=f"unknown decision {decision[:40]!r}", field="decision", hint=f"One of {', '.join(Decision.values)}."
        )
    sent_back = _SENT_BACK.get(Decision(decision))
    if sent_back and not reason.strip():
        raise InvalidInput(detail=f"{sent_back[1]} needs a reason", field="reason", hint=sent_back[2])
    _require_may_decide(actor, revision, reason=reason, override_gate=override_gate)
    fresh = lock_revision(revision)
    if fresh.state in _DECIDED:
        raise Conflict("already_decided", f"{revision} is already {fresh.state}")
    review = Review.objects.create(revision=revision, reviewer=actor, decision=decision, reason=reason.strip())
    close_case(fresh, decision)
    if sent_back:
        sent_back[0](revision, actor=actor, reason=review.reason)
    else:
        publish_revision(revision, actor=actor, reason=review.reason, is_gate_overridden=override_gate)
    return review


def decide_many(actor: User, revisions: Iterable[Revision], *, decision: str, reason: str) -> Outcome:
    """The same decision about each, with one reason; what is refused stops no other.

    Raises:
        InvalidInput: no reason, whatever the decision, or too many at once.
    """
    if not reason.strip():
        raise InvalidInput(detail="a decision about several needs a reason", field="reason", hint="Each gets it.")
    return for_each(revisions, lambda revision: decide(actor, revision, decision=decision, reason=reason))


def for_each(revisions: Iterable[Revision], act: Callable[[Revision], object]) -> Outcome:
    """Call ``act`` for each, in a transaction of its own; a refusal is kept beside its revision.

    Raises:
        InvalidInput: none, or more than ``MOST_AT_ONCE``.
    """
    rows, outcome = list(revisions), Outcome()
    if not 1 <= len(rows) <= MOST_AT_ONCE:
        raise InvalidInput(detail=f"{len(rows)} were chosen; it must be 1 to {MOST_AT_ONCE}", field="revisions")
    for revision in rows:
        try:
            with transaction.atomic():
                act(revision)
        except DomainError as error:
            outcome.refused.append((revision, error))
        else:
            outcome.done.append(revision)
    return outcome


def is_own_push(actor: User, revision: Revision) -> bool:
    """Whether somebody else must decide, because ``actor`` pushed it himself."""
    return revision.author_id == actor.pk and not is_staff(actor) and needs_review(revision)


def _require_may_decide(actor: User, revision: Revision, *, reason: str, override_gate: bool) -> None:
    namespace = revision.adapter.namespace
    require_role(actor, namespace, REVIEW_ROLES, "review")
    if override_gate:
        require_role(actor, namespace, (Role.OWNER,), "publish against its policies")
        if not reason.strip():
            raise InvalidInput(detail="publishing against a policy needs a reason", field="reason", hint="Say why.")
    # Where no review is needed, a gate alone keeps a push back, and its owner may decide about it.
    if is_own_push(actor, revision):
        raise NotPermitted("self_review", "nobody reviews what they pushed themselves", hint="Ask another reviewer.")
