"""The review dashboard: what waits for the viewer, and one revision on one screen."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from catalog.accounts.models import Role, User
from catalog.accounts.querysets import is_staff
from catalog.accounts.services import can_review, role_in
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import DomainError, NotPermitted
from catalog.evaluations.gate import refusal_of
from catalog.evaluations.standing import against
from catalog.paging import page_of
from catalog.reviews.models import Decision
from catalog.reviews.services import decide
from catalog.search.models import SearchEntry
from catalog.search.queries import SearchQuery, matching
from frontend.errors import status_of
from frontend.facts import changes
from frontend.nearness import review_nearness
from frontend.trainings import training_of
from frontend.views.adapters import revision_context, scores_context, visible_revisions

PAGE_ROWS = 50
MOST_NEAR = 6
_DONE = {Decision.APPROVE: "Approved and published", Decision.REJECT: "Rejected"}


@never_cache
@login_required
def queue(request: HttpRequest) -> HttpResponse:
    """Pending revisions that the viewer may decide, oldest first."""
    waiting = Revision.objects.awaiting_review_by(request.user).for_display()
    page = page_of(waiting, ("created_at", "id"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    more_url = f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else ""
    return render(request, "review/queue.html", {"page": page, "more_url": more_url})


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
    error: DomainError | None = None
    if request.method == "POST":
        next_url = _next_url(user, revision)
        decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "")
        try:
            is_overriding = request.POST.get("override_gate") == "yes"
            review = decide(user, revision, decision=decision, reason=reason, override_gate=is_overriding)
        except DomainError as refused:
            error = refused
        else:
            messages.success(request, f"{_DONE[Decision(review.decision)]}: {_label(revision)}.")
            return redirect(next_url)
    context = _review_context(request, revision) | {"error": error, "reason": request.POST.get("reason", "")}
    return render(request, "review/page.html", context, status=status_of(error) if error else 200)


def _review_context(request: HttpRequest, revision: Revision) -> dict[str, Any]:
    user, namespace = cast(User, request.user), revision.adapter.namespace
    previous = _previous_published(revision)
    context = revision_context(revision, request.build_absolute_uri("/").rstrip("/"))
    context |= scores_context(user, revision) | review_nearness(user, revision)
    return context | {
        "revision": revision,
        "adapter": revision.adapter,
        "training": training_of(user, revision),
        "is_own": namespace.is_review_required and revision.author_id == user.pk and not is_staff(user),
        "gate": refusal_of(revision) if revision.state == "pending" else None,
        "can_override": role_in(user, namespace) == Role.OWNER,
        "previous": previous,
        "against": against(user, previous, revision) if previous else [],
        "changes": changes(previous, revision) if previous else [],
        "siblings": [row for row in visible_revisions(request, revision.adapter) if row.pk != revision.pk][:MOST_NEAR],
        "near": _near(user, revision),
        "next_url": _next_url(user, revision),
        "waiting": Revision.objects.awaiting_review_by(user).count(),
    }


def _previous_published(revision: Revision) -> Revision | None:
    published = Revision.objects.filter(adapter=revision.adapter, state="published").exclude(pk=revision.pk)
    return published.for_display().order_by("-published_at", "-id").first()


def _near(user: User, revision: Revision) -> list[SearchEntry]:
    """Published adapters with the same base model and method."""
    if revision.base_model is None:
        return []
    query = SearchQuery(base=str(revision.base_model), method=revision.method)
    near = matching(query, user).filter(adapter__isnull=False).exclude(adapter=revision.adapter)
    near = near.select_related("base_model", "namespace")
    return list(near.order_by("-downloads", "-id")[:MOST_NEAR])


def _next_url(user: User, revision: Revision) -> str:
    """The item after this one that somebody else pushed, from the start again at the end; else the queue."""
    waiting = Revision.objects.awaiting_review_by(user).exclude(pk=revision.pk)
    if not is_staff(user):
        waiting = waiting.exclude(author=user)
    waiting = waiting.select_related("adapter__namespace").order_by("created_at", "id")
    later = Q(created_at__gt=revision.created_at) | Q(created_at=revision.created_at, id__gt=revision.pk)
    following = waiting.filter(later).first() or waiting.first()
    if following is None:
        return reverse("review-queue")
    return reverse("review", args=[following.adapter.namespace.name, following.adapter.name, following.commit_id])


def _label(revision: Revision) -> str:
    version = getattr(revision, "version", None)
    return f"{revision.adapter.full_name}@{version.name if version else revision.commit_id[:12]}"
