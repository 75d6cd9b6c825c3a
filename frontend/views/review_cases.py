"""A case's small changes, each a POST: whose it is, how soon, a remark; and its thread for those who push."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalog.accounts.models import User
from catalog.accounts.services import can_review
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import DomainError, NotPermitted
from catalog.reviews.handling import assign, can_comment, can_read_thread, comment, prioritise, said_in
from catalog.reviews.queue import case_of
from frontend.errors import status_of


@require_POST
@login_required
def assign_page(request: HttpRequest, namespace: str, name: str, commit_id: str) -> HttpResponse:
    """Give the case to a reviewer, or to nobody. Raises as the service."""
    user, revision = _named(request, namespace, name, commit_id)
    case = assign(user, revision, request.POST.get("assignee", "").strip())
    whom = case.assignee.username if case.assignee else ""
    messages.success(
        request, gettext("Given to %(whom)s.") % {"whom": whom} if whom else gettext("It is given to nobody now.")
    )
    return _back(request, revision)


@require_POST
@login_required
def prioritise_page(request: HttpRequest, namespace: str, name: str, commit_id: str) -> HttpResponse:
    """Say how soon somebody should look. Raises as the service."""
    user, revision = _named(request, namespace, name, commit_id)
    case = prioritise(user, revision, request.POST.get("priority", ""))
    messages.success(request, gettext("Priority: %(priority)s.") % {"priority": case.get_priority_display().lower()})
    return _back(request, revision)


@never_cache
@login_required
def thread_page(request: HttpRequest, namespace: str, name: str, commit_id: str) -> HttpResponse:
    """What was said about a revision, for its author and the members of its namespace; a POST adds a remark.

    Raises:
        NotFound: absent, not visible, or never put before a reviewer. NotPermitted.
    """
    user, revision = _named(request, namespace, name, commit_id)
    if not can_read_thread(user, revision):
        raise NotPermitted(detail=f"you are no member of {namespace}")
    error: DomainError | None = None
    if request.method == "POST":
        try:
            comment(user, revision, request.POST.get("text", ""))
        except DomainError as refused:
            error = refused
        else:
            return _back(request, revision, otherwise="review-thread")
    case = case_of(revision)
    context = {
        "revision": revision,
        "adapter": revision.adapter,
        "case": case,
        "said": said_in(case.thread),
        "can_comment": can_comment(user, revision),
        "error": error,
        "text": request.POST.get("text", ""),
        "can_review": revision.state == "pending" and can_review(user, revision.adapter.namespace),
    }
    return render(request, "review/thread_page.html", context, status=status_of(error) if error else 200)


def _named(request: HttpRequest, namespace: str, name: str, commit_id: str) -> tuple[User, Revision]:
    user = cast(User, request.user)
    return user, get_revision(user, get_adapter(user, f"{namespace}/{name}"), commit_id)


def _back(request: HttpRequest, revision: Revision, *, otherwise: str = "review") -> HttpResponse:
    """To the page that the form stood on, which it names itself."""
    following = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(following, allowed_hosts=None):
        return redirect(following)
    adapter = revision.adapter
    return redirect(reverse(otherwise, args=[adapter.namespace.name, adapter.name, revision.commit_id]))
