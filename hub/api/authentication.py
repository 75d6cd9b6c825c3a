"""Who calls: bearer tokens, and what a token's scopes let it do."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from catalog.accounts.models import ApiToken, User
from catalog.accounts.tokens import TokenRefused, authenticate_token
from catalog.errors import NotPermitted

if TYPE_CHECKING:
    # At run time rest_framework.views imports this module, through the settings.
    from rest_framework.views import APIView


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer hub_...``; a bad token is refused, not ignored."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's user and the token, or None without a bearer header. Raises TokenRefused."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = authenticate_token(secret.strip())
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says in WWW-Authenticate."""
        return "Bearer"


class ScopePermission(BasePermission):
    """Each view names the scope of its writing methods; reading needs none unless the view says so.

    A view may set ``write_scope`` (default ``write``) and ``is_login_required`` (default: only for writing).
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """True, or raises TokenRefused (401) or NotPermitted ``scope_missing`` (403)."""
        is_reading = request.method in SAFE_METHODS
        is_login_required = getattr(view, "is_login_required", not is_reading)
        if not request.user.is_authenticated:
            if is_login_required:
                raise TokenRefused(
                    "token_missing", "this needs a token", hint="Sign in with `hubclient login`, or set HUB_TOKEN."
                )
            return True
        scope = "read" if is_reading else getattr(view, "write_scope", "write")
        if isinstance(request.auth, ApiToken) and scope not in request.auth.scopes:
            if is_reading and not is_login_required:
                # A token that may not read sees what everybody sees.
                request.user = AnonymousUser()
                return True
            raise NotPermitted(
                "scope_missing",
                f"this token holds {', '.join(request.auth.scopes)}; this needs the scope {scope}",
                hint=f"Make a token with the scope {scope}.",
            )
        return True


def actor_of(request: Request) -> User:
    """The signed-in user of a request that passed :class:`ScopePermission` with login required."""
    if not isinstance(request.user, User):
        raise TokenRefused("token_missing", "this needs a token")
    return request.user


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes bearer tokens."""

    target_class = "hub.api.authentication.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The OpenAPI security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "hub_..."}


class PasswordScheme(OpenApiAuthenticationExtension):
    """How the schema describes the password that buys the first token."""

    target_class = "hub.api.identity.PasswordAuthentication"
    name = "password"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The OpenAPI security scheme."""
        return {"type": "http", "scheme": "basic"}
