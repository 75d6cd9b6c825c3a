"""Passwords, with a limit on wrong ones: the one place behind the login form, the API and the plain admin."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.http import HttpRequest

from catalog.accounts.models import User
from catalog.errors import RateLimited

_WINDOW_SECONDS = 60


class PasswordBackend(ModelBackend):
    """Django's own check; after too many wrong passwords from one address it stops looking for a minute."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> User | None:
        """The user whose password this is, or None. Raises RateLimited."""
        key = f"wrong-passwords-from-{request.META.get('REMOTE_ADDR', '') if request else ''}"
        if cache.get(key, 0) >= settings.HUB_WRONG_PASSWORDS_PER_MINUTE:
            raise RateLimited(detail="too many wrong passwords from this address", hint="Try again in a minute.")
        # PostgreSQL takes no NUL in text; nobody's name has one.
        is_name = "\0" not in (username or "")
        user = super().authenticate(request, username=username, password=password, **more) if is_name else None
        if user is None and cache.add(key, 1, _WINDOW_SECONDS) is False:
            cache.incr(key)
        return user if isinstance(user, User) else None
