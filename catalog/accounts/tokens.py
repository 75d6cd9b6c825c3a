"""Bearer tokens: made, found by their hash, and revoked."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from catalog.accounts.models import ApiToken, User
from catalog.compiled import CompiledModels, Part, StandIns
from catalog.errors import DomainError, InvalidInput, NotFound

SCOPES = ("read", "write", "review", "admin")
_PREFIX = "hub_"
_TOUCH_SECONDS = 60


class TokenRefused(DomainError):
    """The token is missing, unknown or expired."""

    default_code = "token_invalid"


@dataclass(frozen=True)
class IssuedToken:
    """A new token and its secret, which is shown once."""

    row: ApiToken
    secret: str


def issue_token(user: User, *, name: str, scopes: list[str], expires_in_days: int | None = 90) -> IssuedToken:
    """Make a token of ``user`` with ``scopes``.

    Raises:
        InvalidInput: for an unknown scope, an empty list or a lifetime that is not positive.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidInput(
            detail=f"unknown scopes {unknown}" if unknown else "a token needs at least one scope",
            field="scopes",
            hint=f"Scopes are {', '.join(SCOPES)}.",
        )
    if expires_in_days is not None and not 1 <= expires_in_days <= 3650:
        raise InvalidInput(
            detail=f"expires_in_days is {expires_in_days}; it must be 1 to 3650", field="expires_in_days"
        )
    secret = _PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user,
        name=name[:100] or "token",
        prefix=secret[:10],
        sha256=_hash(secret),
        scopes=sorted(set(scopes), key=SCOPES.index),
        expires_at=None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days),
    )
    return IssuedToken(row, secret)


def authenticate_token(secret: str) -> ApiToken:
    """The live token whose secret this is.

    Raises:
        TokenRefused: ``token_invalid`` or ``token_expired``.
    """
    token = next(iter(_tokens.find(None, sha256=_hash(secret))), None)
    if token is None or not token.user.is_active:
        raise TokenRefused(
            "token_invalid", "this token is unknown or was revoked", hint="Make one under Settings, Tokens."
        )
    now = timezone.now()
    if token.expires_at is not None and token.expires_at <= now:
        raise TokenRefused(
            "token_expired",
            f"this token expired on {token.expires_at:%Y-%m-%d}",
            hint="Make a new one and sign in again.",
        )
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > _TOUCH_SECONDS:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _tokens_with(stand_ins: StandIns, shape: None) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(sha256=stand_ins.text("sha256"))


# Every request with a token asks for it.
_tokens = CompiledModels(_tokens_with, Part(ApiToken), Part(User, "user"))


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """The tokens of ``user``, newest first."""
    return ApiToken.objects.filter(user=user).order_by("-created_at", "-id")


def revoke_token(user: User, token_id: int) -> None:
    """Revoke one of ``user``'s tokens at once. Raises NotFound for anybody else's."""
    deleted, _ = ApiToken.objects.filter(user=user, pk=token_id).delete()
    if not deleted:
        raise NotFound(detail=f"you have no token {token_id}")


def _hash(secret: str) -> str:
    # A token carries 256 random bits, so that a plain hash cannot be searched; passwords go through Django's hashers.
    return hashlib.sha256(secret.encode()).hexdigest()
