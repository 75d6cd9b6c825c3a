"""What must not be left open on a production hub."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

_SHORTEST_KEY = 32


@register()
def check_secret_key(**kwargs: Any) -> list[CheckMessage]:
    """hub.E005: production without a secret key; hub.W005: a key that can be guessed."""
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:
        key = ""
    if not key:
        return [
            Error(
                "HUB_SECRET_KEY is not set, and a production hub has no default for it",
                hint="Make one with `python -c 'import secrets; print(secrets.token_urlsafe(50))'`, give the same one "
                "to every process, and keep it with the backups.",
                id="hub.E005",
            )
        ]
    if settings.HUB_PRODUCTION and len(key) < _SHORTEST_KEY:
        return [
            Warning(
                f"HUB_SECRET_KEY has {len(key)} characters",
                hint=f"Use {_SHORTEST_KEY} random ones or more: it signs sessions and cursors.",
                id="hub.W005",
            )
        ]
    return []


@register()
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    """hub.E009: DEBUG shows settings and data to whoever provokes an error."""
    if settings.HUB_PRODUCTION and settings.DEBUG:
        return [Error("HUB_DEBUG is on in production", hint="Unset HUB_DEBUG.", id="hub.E009")]
    return []


@register()
def check_hosts(**kwargs: Any) -> list[CheckMessage]:
    """hub.E010: with any host allowed, a caller chooses the host in the URLs that the hub hands out."""
    if settings.HUB_PRODUCTION and "*" in settings.ALLOWED_HOSTS:
        return [
            Error(
                "HUB_ALLOWED_HOSTS allows every host",
                hint="List the names under which this hub is reached, with commas between.",
                id="hub.E010",
            )
        ]
    return []


@register()
def check_https(**kwargs: Any) -> list[CheckMessage]:
    """hub.W006: cookies that travel in the clear; hub.W007: a proxy that the hub does not know of."""
    if not settings.HUB_PRODUCTION:
        return []
    if not settings.SESSION_COOKIE_SECURE:
        return [
            Warning(
                "HUB_SECURE_COOKIES is off: sessions can be read on their way",
                hint="Put a proxy that speaks HTTPS before the hub and leave HUB_SECURE_COOKIES unset.",
                id="hub.W006",
            )
        ]
    if not settings.HUB_PROXIES:
        return [
            Warning(
                "HUB_PROXIES is 0, so the hub believes that nobody calls over HTTPS and that all calls come from "
                "the proxy: signing in fails, and one guesser of passwords locks everybody out",
                hint="Set HUB_PROXIES to the number of proxies, which must set X-Forwarded-For and X-Forwarded-Proto.",
                id="hub.W007",
            )
        ]
    return []
