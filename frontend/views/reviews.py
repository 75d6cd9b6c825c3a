"""One revision on one screen: what is claimed, found and near it; a decision, and the next one at once."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from catalog.accounts.models import Role, User
from catalog.accounts.services import can_review, role_in
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import DomainError, NotFound, NotPermitted
from catalog.evaluations.gate import refusal_of
from catalog.reviews.handling import reviewers_of, said_in
from catalog.reviews.models import Case, Decision
from catalog.reviews.queue import QueueFilter, case_of, cases_of, following
from catalog.reviews.services import decide, is_own_push
from catalog.search.models import SearchEntry
from catalog.search.queries import SearchQuery, matching
from frontend.errors import status_of
from frontend.figures.profile import profile_of
from frontend.nearness import review_nearness
from frontend.queue_form import PRIORITIES, address, read_filter
from frontend.review_changes import changes_context
from frontend.trainings import training_of
from frontend.views.adapters import revision_context, scores_context, visible_revisions

MOST_NEAR = 6
_DONE = {
    Decision.APPROVE: gettext_lazy("Approved and published"),
    Decision.REJECT: gettext_lazy("Rejected"),
    Decision.ASK_CHANGES: gettext_lazy("Given back to the author"),
}


@never_cache
@login_required
def review_page(request: HttpRequest, namespace: str, name: str, commit_id: str) -> HttpResponse:
    """One revision to decide; a POST decides it through the same service as the API and goes on to the next.

    Raises:
        NotFound: absent or not visible. NotPermitted: the viewer reviews nothing in this namespace.
    """
    user = cast(User, request.user)
    adapter = get_adapter(user, f"{namespace}/{name}")
    revision = get_revision(user, adapter, commit_id)
    if not can_review(user, adapter.namespace):
        raise NotPermitted(
            detail=f"you do not review in {adapter.namespace.name}", hint=f"Ask an owner of {adapter.namespace.name}."
        )
    wanted, case = read_filter(request.GET), _case(revision)
    error: DomainError | None = None
    if request.method == "POST":
        next_url = _next_url(user, case, wanted)
        decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "")
        try:
            is_overriding = request.POST.get("override_gate") == "yes"
            review = decide(user, revision, decision=decision, reason=reason, override_gate=is_overriding)
        except DomainError as refused:
            error = refused
        else:
            messages.success(request, f"{_DONE[Decision(review.decision)]}: {_label(revision)}.")
            return redirect(next_url)
    context = _review_context(request, revision) | _case_context(user, revision, case, wanted)
    context |= changes_context(user, revision, case)
    context |= {"error": error, "reason": request.POST.get("reason", "")}
    return render(request, "review/page.html", context, status=status_of(error) if error else 200)


def _review_context(request: HttpRequest, revision: Revision) -> dict[str, Any]:
    user, namespace = cast(User, request.user), revision.adapter.namespace
    context = revision_context(revision, request.build_absolute_uri("/").rstrip("/"))
    context |= scores_context(user, revision) | review_nearness(user, revision)
    return context | {
        "revision": revision,
        "adapter": revision.adapter,
        "training": training_of(user, revision),
        "is_own": is_own_push(user, revision),
        "gate": refusal_of(revision) if revision.state == "pending" else None,
        "can_override": role_in(user, namespace) == Role.OWNER,
        "siblings": [row for row in visible_revisions(request, revision.adapter) if row.pk != revision.pk][:MOST_NEAR],
        "near": _near(user, revision),
        "profile": profile_of(revision),
    }


def _case_context(user: User, revision: Revision, case: Case | None, wanted: QueueFilter) -> dict[str, Any]:
    """Where it stands in the queue, whose it is, and what was said about it."""
    return {
        "case": case,
        "said": said_in(case.thread) if case else [],
        "can_comment": True,
        "reviewers": reviewers_of(revision),
        "priorities": PRIORITIES,
        "next_url": _next_url(user, case, wanted),
        "queue_url": address(reverse("review-queue"), wanted),
        "waiting": cases_of(user, wanted).count(),
    }


def _case(revision: Revision) -> Case | None:
    try:
        return case_of(revision)
    except NotFound:
        return None


def _near(user: User, revision: Revision) -> list[SearchEntry]:
    """Published adapters with the same base model and method."""
    if revision.base_model is None:
        return []
    query = SearchQuery(base=str(revision.base_model), method=revision.method)
    near = matching(query, user).filter(adapter__isnull=False).exclude(adapter=revision.adapter)
    near = near.select_related("base_model", "namespace")
    return list(near.order_by("-downloads", "-id")[:MOST_NEAR])


def _next_url(user: User, case: Case | None, wanted: QueueFilter) -> str:
    """The next one that somebody else pushed, in the same list; the list itself after the last."""
    found = following(user, case, wanted)
    if found is None:
        return address(reverse("review-queue"), wanted)
    adapter = found.revision.adapter
    return address(reverse("review", args=[adapter.namespace.name, adapter.name, found.revision.commit_id]), wanted)


def _label(revision: Revision) -> str:
    version = getattr(revision, "version", None)
    return f"{revision.adapter.full_name}@{version.name if version else revision.commit_id[:12]}"
