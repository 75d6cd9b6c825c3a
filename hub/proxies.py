"""The caller's address, as the proxies that stand before the hub have seen it."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class CallerAddress:
    """Middleware that puts the caller's address into ``REMOTE_ADDR``, where every limit and every log line reads it.

    Each proxy appends the address it was called from, so with ``HUB_PROXIES = n`` the n-th from the right is true and
    whatever stands further left is the caller's own invention.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Change the request and pass it on."""
        if settings.HUB_PROXIES:
            seen = [address.strip() for address in request.headers.get("X-Forwarded-For", "").split(",")]
            if address := seen[-min(settings.HUB_PROXIES, len(seen))]:
                request.META["REMOTE_ADDR"] = address
        return self.get_response(request)
