"""Who looks at a case, how soon, and what is said about it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from catalog.accounts.models import User
from catalog.accounts.querysets import REVIEW_ROLES, WRITE_ROLES, Actor
from catalog.accounts.services import can_review, require_role, role_in
from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.publication import lock_revision
from catalog.errors import Conflict, InvalidInput, NotFound, NotPermitted
from catalog.reviews.audit import record
from catalog.reviews.models import Case, Comment, Review, Thread
from catalog.reviews.queue import PRIORITIES, case_of
from catalog.reviews.services import is_own_push

MOST_LETTERS = 5000


@dataclass(frozen=True)
class Said:
    """One line of a thread: a push, a decision or a remark. ``what`` is ``pushed``, ``commented`` or a decision."""

    at: datetime
    who: str
    what: str
    version: str
    text: str
    revision: Revision | None = None


@transaction.atomic
def assign(actor: User, revision: Revision, username: str) -> Case:
    """Give a case to a reviewer of its namespace; to nobody without a name.

    Raises:
        NotPermitted: ``actor`` does not review there, ``self_review`` of the one who pushed it. NotFound: no such user.
        InvalidInput: he does not review there. Conflict: ``not_reviewable``.
    """
    case = _locked(actor, revision, "assign a review")
    assignee = _reviewer(revision, username) if username else None
    before = case.assignee.username if case.assignee else "nobody"
    case.assignee = assignee
    case.save(update_fields=["assignee"])
    record(actor, "assign", revision, note=f"{before} -> {username or 'nobody'}")
    return case


@transaction.atomic
def prioritise(actor: User, revision: Revision, priority: str) -> Case:
    """Say how soon somebody should look.

    Raises:
        InvalidInput: an unknown word. NotPermitted. Conflict: ``not_reviewable``.
    """
    if priority not in PRIORITIES:
        raise InvalidInput(
            detail=f"unknown priority {priority[:40]!r}", field="priority", hint=f"One of {', '.join(PRIORITIES)}."
        )
    case = _locked(actor, revision, "set a priority")
    before, case.priority = case.get_priority_display().lower(), PRIORITIES[priority]
    case.save(update_fields=["priority"])
    record(actor, "prioritise", revision, before=before, after=priority)
    return case


def comment(actor: User, revision: Revision, text: str) -> Comment:
    """Say something in the thread of a revision.

    Raises:
        NotPermitted: neither its author nor one who may push or review there. InvalidInput: nothing, or too much.
        NotFound: it was never put before a reviewer.
    """
    case, said = case_of(revision), text.strip()
    if not can_comment(actor, revision):
        raise NotPermitted(detail=f"you neither push nor review in {revision.adapter.namespace.name}")
    if not 1 <= len(said) <= MOST_LETTERS:
        raise InvalidInput(
            detail=f"a remark has 1 to {MOST_LETTERS} letters, this one {len(said)}", field="text", hint="Be brief."
        )
    return Comment.objects.create(thread=case.thread, author=actor, text=said)


def can_comment(actor: User, revision: Revision) -> bool:
    """Whether ``actor`` may speak in its thread: its author, and who may push or review there."""
    return revision.author_id == actor.pk or role_in(actor, revision.adapter.namespace) in WRITE_ROLES


def can_read_thread(actor: Actor, revision: Revision) -> bool:
    """Whether ``actor`` may read what is said: its author, and the members of its namespace."""
    is_author = actor.is_authenticated and revision.author_id == actor.pk
    return is_author or role_in(actor, revision.adapter.namespace) is not None


def reviewers_of(revision: Revision) -> list[str]:
    """Names of those who may decide about it: reviewers of its namespace, but for who pushed it."""
    members = revision.adapter.namespace.memberships.filter(role__in=REVIEW_ROLES).select_related("user")
    rows = [member.user for member in members.order_by("user__username")]
    return [user.username for user in rows if not is_own_push(user, revision)]


def said_in(thread: Thread) -> list[Said]:
    """Everything in a thread, the oldest first: each push, each decision, each remark."""
    cases = list(thread.cases.select_related("revision__author", "revision__adapter__namespace", "revision__version"))
    versions = {case.revision_id: case.version for case in cases}
    lines = [
        Said(
            at=case.entered_at,
            who=case.revision.author.username if case.revision.author else "",
            what="pushed",
            version=case.version,
            text=case.revision.message,
            revision=case.revision,
        )
        for case in cases
    ]
    reviews = Review.objects.filter(revision__in=list(versions)).select_related("reviewer")
    lines += [
        Said(row.created_at, row.reviewer.username, row.decision, versions[row.revision_id], row.reason)
        for row in reviews
    ]
    remarks = thread.comments.select_related("author")
    lines += [Said(row.created_at, row.author.username, "commented", "", row.text) for row in remarks]
    return sorted(lines, key=lambda line: line.at)


def _locked(actor: User, revision: Revision, what: str) -> Case:
    require_role(actor, revision.adapter.namespace, REVIEW_ROLES, what)
    fresh = lock_revision(revision)
    if fresh.state != RevisionState.PENDING:
        raise Conflict("not_reviewable", f"{fresh} is {fresh.state}, not pending")
    return case_of(fresh)


def _reviewer(revision: Revision, username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound(detail=f"no user {username[:150]!r}", field="username")
    if not can_review(user, revision.adapter.namespace):
        raise InvalidInput(
            detail=f"{username} does not review in {revision.adapter.namespace.name}",
            field="username",
            hint="Name one of its owners or reviewers.",
        )
    if is_own_push(user, revision):
        raise NotPermitted("self_review", f"{username} pushed it", hint="Name another reviewer.")
    return user
