"""What a set's own people change on its page: who sees it, its summary, and that its rows have to go."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from catalog.accounts.models import User
from catalog.evaluations.queries import get_set, get_set_revision
from catalog.evaluations.sets import update_set
from catalog.evaluations.withdrawing import withdraw_revision, withdraw_set


@require_POST
@login_required
def change_set(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Change visibility and summary. Raises NotFound, NotPermitted, InvalidInput."""
    found = get_set(request.user, f"{namespace}/{name}")
    changed = update_set(
        cast(User, request.user),
        found,
        visibility=request.POST.get("visibility"),
        summary=request.POST.get("summary"),
    )
    messages.success(
        request,
        gettext("Everybody sees the set.") if changed.visibility == "public" else gettext("The set is private."),
    )
    return redirect("evaluation-set", found.namespace.name, found.name)


@require_POST
@login_required
def withdraw_rows(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Withdraw the set, or with ``revision`` that one. Raises NotFound, NotPermitted, InvalidInput."""
    user, full_name = cast(User, request.user), f"{namespace}/{name}"
    number, reason = request.POST.get("revision", ""), request.POST.get("reason", "")
    if number:
        withdraw_revision(user, get_set_revision(user, f"{full_name}@{number}"), reason=reason)
        messages.success(request, gettext("Revision %(number)s is withdrawn.") % {"number": number})
    else:
        withdraw_set(user, get_set(user, full_name), reason=reason)
        messages.success(request, gettext("The set is withdrawn."))
    return redirect("evaluation-set", namespace, name)
