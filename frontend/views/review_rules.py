"""Who publishes in a namespace without review: shown to its members, changed by its owners."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from catalog.accounts.models import Membership, Namespace, Role, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role, role_in, update_namespace
from catalog.errors import DomainError, InvalidInput, NotFound
from catalog.reviews.waivers import WAIVABLE, add_waiver, delete_waiver
from frontend.errors import status_of


@never_cache
@login_required
def rules_page(request: HttpRequest, namespace: str) -> HttpResponse:
    """The rule of a namespace and its waivers; a POST changes one thing. Raises NotFound, NotPermitted."""
    found = Namespace.objects.named(namespace).first()
    if found is None:
        raise NotFound(detail=f"no namespace {namespace!r}")
    user = cast(User, request.user)
    require_role(user, found, tuple(Role.values), "see its rules")
    error: DomainError | None = None
    if request.method == "POST":
        try:
            messages.success(request, _change(user, found, request))
        except DomainError as refused:
            error = refused
        else:
            return redirect("review-rules", found.name)
    context = {
        "namespace": found,
        "waivers": found.waivers.select_related("user", "created_by").order_by("pk"),
        "members": Membership.objects.filter(namespace=found, role__in=WRITE_ROLES).select_related("user"),
        "roles": WAIVABLE,
        "is_owner": role_in(user, found) == Role.OWNER,
        "error": error,
    }
    return render(request, "review/rules.html", context, status=status_of(error) if error else 200)


def _change(user: User, namespace: Namespace, request: HttpRequest) -> str:
    posted = request.POST
    what = posted.get("what", "")
    if what == "require":
        is_required = posted.get("is_review_required") == "yes"
        update_namespace(user, namespace, is_review_required=is_required)
        return gettext("Every push is reviewed now.") if is_required else gettext("Nothing needs a review now.")
    if what == "add":
        kind, _, name = posted.get("holder", "").partition(":")
        add_waiver(
            user,
            namespace,
            username=name if kind == "user" else "",
            role=name if kind == "role" else "",
            is_update_only=posted.get("is_update_only") == "yes",
            is_clean_only=posted.get("is_clean_only") == "yes",
        )
        return gettext("The waiver holds from now on.")
    if what == "delete" and posted.get("waiver", "").isdecimal():
        delete_waiver(user, namespace, int(posted["waiver"]))
        return gettext("The waiver is taken back.")
    raise InvalidInput(detail=f"unknown change {what[:40]!r}", field="what")
