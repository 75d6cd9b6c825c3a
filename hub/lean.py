"""Middleware of pages, passed by where an answer of the API has no use for it.

The API speaks English whatever the caller reads, and the proxy compresses it.
"""

from typing import cast

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django_htmx.middleware import HtmxMiddleware

_API = "/api/v1/"
# Its own pages load scripts.
_DOCS = "/api/v1/docs"
# JSON and files load nothing, whatever somebody makes a browser believe that they are.
_NOTHING = "default-src 'none'; frame-ancestors 'none'"


def is_api(request: HttpRequest) -> bool:
    """Whether a machine asks."""
    return request.path_info.startswith(_API) and not request.path_info.startswith(_DOCS)


class Policy(CSPMiddleware):
    """Content-Security-Policy: the settings' one for pages, nothing at all for the API."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        if not is_api(request):
            return super().__call__(request)
        response = self.get_response(request)
        response.headers.setdefault(HEADER, _NOTHING)
        return response


class Messages(MessageMiddleware):
    """Messages, for pages."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return cast(HttpResponseBase, self.get_response(request) if is_api(request) else super().__call__(request))


class Htmx(HtmxMiddleware):
    """``request.htmx``, for pages."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return cast(HttpResponseBase, self.get_response(request) if is_api(request) else super().__call__(request))


class Language(LocaleMiddleware):
    """The language that the browser asks for, for pages."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return cast(HttpResponseBase, self.get_response(request) if is_api(request) else super().__call__(request))


class Compressed(GZipMiddleware):
    """Pages, scripts and styles compressed, with Django's random padding against BREACH."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return cast(HttpResponseBase, self.get_response(request) if is_api(request) else super().__call__(request))
