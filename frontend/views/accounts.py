"""Sign in, sign out, and one's own tokens."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalog.accounts.models import User
from catalog.accounts.tokens import SCOPES, IssuedToken, issue_token, revoke_token, tokens_of
from catalog.errors import DomainError, InvalidInput
from frontend.errors import page, status_of

LIFETIMES_DAYS = (7, 30, 90, 365)

login_page = page(LoginView.as_view(template_name="account/login.html", redirect_authenticated_user=True))
logout_page = LogoutView.as_view()


@never_cache
@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens of the viewer; a POST makes one and shows its secret this once."""
    user = cast(User, request.user)
    issued: IssuedToken | None = None
    error: DomainError | None = None
    if request.method == "POST":
        try:
            issued = issue_token(
                user,
                name=request.POST.get("name", "").strip(),
                scopes=request.POST.getlist("scopes"),
                expires_in_days=_days(request.POST.get("expires_in_days", "90")),
            )
        except DomainError as refused:
            error = refused
    context = {
        "tokens": tokens_of(user),
        "issued": issued,
        "error": error,
        "scopes": SCOPES,
        "chosen": request.POST.getlist("scopes") if error else ["read"],
        "lifetimes": LIFETIMES_DAYS,
        "hub_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "account/tokens.html", context, status=status_of(error) if error else 200)


@require_POST
@login_required
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one of the viewer's tokens. Raises NotFound for anybody else's."""
    revoke_token(cast(User, request.user), token_id)
    messages.success(request, gettext("The token is revoked. Whatever uses it is refused from now on."))
    return redirect("tokens")


def _days(text: str) -> int | None:
    if text == "never":
        return None
    if not text.isdecimal() or len(text) > 5:
        raise InvalidInput(detail=f"expires_in_days is {text[:40]!r}; it must be 1 to 3650", field="expires_in_days")
    return int(text)
