"""The review dashboard: what waits, filtered and in order; one decision about several; what else needs somebody."""

from collections.abc import Callable
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.errors import InvalidInput
from catalog.jobs.models import Job
from catalog.reviews.handling import assign, prioritise
from catalog.reviews.queue import counts_of, read_queue, reviewed_namespaces, revisions_named
from catalog.reviews.services import Outcome, decide_many, for_each
from catalog.reviews.statistics import pace
from frontend.queue_form import address, form_context, read_filter

PAGE_ROWS = 50
MOST_DEAD = 5
_DONE = {
    "approve": gettext_lazy("approved and published"),
    "reject": gettext_lazy("rejected"),
    "ask_changes": gettext_lazy("given back to the author"),
    "assign": gettext_lazy("assigned"),
    "prioritise": gettext_lazy("moved in the queue"),
}


@never_cache
@login_required
def queue(request: HttpRequest) -> HttpResponse:
    """What the viewer may decide, the urgent first; ``show`` and the filters narrow it. Raises InvalidInput."""
    user, wanted = cast(User, request.user), read_filter(request.GET)
    page = read_queue(user, wanted, cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    counts = counts_of(user)
    context = form_context(request.path, wanted, counts, reviewed_namespaces(user))
    dead = Job.objects.visible_to(user).unattended()
    return render(
        request,
        "review/queue.html",
        context
        | {
            "page": page,
            "counts": counts,
            "more_url": address(request.path, wanted, cursor=page.next_cursor) if page.next_cursor else "",
            "can_decide": wanted.show in ("waiting", "mine", "free"),
            "dead": list(dead.order_by("-created_at")[:MOST_DEAD]),
            "dead_count": dead.count(),
            "statistics": pace(user),
        },
    )


@require_POST
@login_required
def decide_chosen(request: HttpRequest) -> HttpResponse:
    """Do one thing to every chosen case, through the services. Raises InvalidInput where nothing was chosen."""
    user, wanted = cast(User, request.user), read_filter(request.GET)
    chosen = revisions_named(user, [int(each) for each in request.POST.getlist("case") if each.isdecimal()])
    what = request.POST.get("what", "")
    act = _act(user, request, what)
    outcome = act(chosen)
    _tell(request, what, outcome)
    return redirect(address(reverse("review-queue"), wanted))


def _act(user: User, request: HttpRequest, what: str) -> Callable[[list[Revision]], Outcome]:
    posted = request.POST
    if what == "assign":
        name = posted.get("assignee", "").strip()
        return lambda chosen: for_each(chosen, lambda revision: assign(user, revision, name))
    if what == "prioritise":
        priority = posted.get("priority", "")
        return lambda chosen: for_each(chosen, lambda revision: prioritise(user, revision, priority))
    if what not in _DONE:
        raise InvalidInput(detail=f"unknown action {what[:40]!r}", field="what")
    return lambda chosen: decide_many(user, chosen, decision=what, reason=posted.get("reason", ""))


def _tell(request: HttpRequest, what: str, outcome: Outcome) -> None:
    if outcome.done:
        count = len(outcome.done)
        said = ngettext("%(count)d revision: %(done)s.", "%(count)d revisions: %(done)s.", count)
        messages.success(request, said % {"count": count, "done": _DONE[what]})
    for revision, error in outcome.refused:
        messages.warning(request, f"{revision}: {error.detail} ({error.code}).")
