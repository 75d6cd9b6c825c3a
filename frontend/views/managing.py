"""An adapter's owners say who else may see it, withdraw it, or have it removed."""

from datetime import UTC, datetime, time
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalog.access.services import grant_access, grants_of, revoke_access
from catalog.accounts.models import Role, User
from catalog.accounts.services import require_role
from catalog.adapters.models import Adapter
from catalog.adapters.queries import get_adapter
from catalog.errors import DomainError, InvalidInput
from catalog.names import version_key
from catalog.removals.models import Derived
from catalog.removals.removing import request_removal
from catalog.removals.withdrawing import withdraw_adapter, withdraw_version

_TAKEN_BACK = ("published", "yanked")


@never_cache
@login_required
def manage_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Grants, withdrawal and removal. Raises NotFound, NotPermitted for others than owners."""
    return _page(request, _owned(request, namespace, name))


@require_POST
@login_required
def grant_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Give leave to a user or a namespace."""
    adapter = _owned(request, namespace, name)
    given = {key: request.POST.get(key, "").strip() for key in ("user", "namespace", "note")}
    try:
        grant_access(_user(request), adapter, expires_at=_end_of(request.POST.get("until", "")), **given)
    except DomainError as error:
        return _page(request, adapter, error, status=400)
    messages.success(request, gettext("Leave was given."))
    return redirect("manage", namespace, name)


@require_POST
@login_required
def revoke_page(request: HttpRequest, namespace: str, name: str, grant_id: int) -> HttpResponse:
    """Take leave back."""
    revoke_access(_user(request), _owned(request, namespace, name), grant_id)
    messages.success(request, gettext("Leave was taken back."))
    return redirect("manage", namespace, name)


@require_POST
@login_required
def take_back_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Withdraw a version or all of it, or have it removed for good."""
    adapter, posted = _owned(request, namespace, name), request.POST
    ref, reason = posted.get("version", ""), posted.get("reason", "")
    derived = Derived.FLAG if posted.get("derived") == "flag" else Derived.WITHDRAW
    try:
        if posted.get("what") == "remove":
            if posted.get("name", "").strip() != adapter.full_name:
                raise InvalidInput(detail=f"to remove it, write its name: {adapter.full_name}", field="name")
            removal = request_removal(_user(request), adapter, ref, reason=reason)
            return redirect("removal", removal.pk)
        if ref:
            withdraw_version(_user(request), adapter, ref, reason=reason, derived=derived)
        else:
            withdraw_adapter(_user(request), adapter, reason=reason, derived=derived)
    except DomainError as error:
        return _page(request, adapter, error, status=400)
    messages.success(request, gettext("It is withdrawn."))
    return redirect("manage", namespace, name)


def _owned(request: HttpRequest, namespace: str, name: str) -> Adapter:
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    require_role(request.user, adapter.namespace, (Role.OWNER,), "manage an adapter")
    return adapter


def _page(
    request: HttpRequest, adapter: Adapter, error: DomainError | None = None, *, status: int = 200
) -> HttpResponse:
    versions = adapter.versions.filter(state__in=_TAKEN_BACK)
    context: dict[str, Any] = {
        "adapter": adapter,
        "grants": grants_of(request.user, adapter),
        "versions": sorted((version.name for version in versions), key=version_key, reverse=True),
        "error": error,
        "posted": request.POST,
    }
    return render(request, "adapter/manage.html", context, status=status)


def _end_of(day: str) -> datetime | None:
    """The end of that day, in UTC; None without one. Raises InvalidInput."""
    if not day:
        return None
    try:
        found = parse_date(day)
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput(detail=f"{day[:40]!r} is no day", field="until", hint="Write 2027-01-31.")
    return datetime.combine(found, time(23, 59, 59), tzinfo=UTC)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
