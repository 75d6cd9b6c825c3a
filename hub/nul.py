"""A NUL in an address: PostgreSQL takes none in text, and would fail where SQLite finds no row."""

from collections.abc import Callable
from urllib.parse import quote

from django.http import HttpRequest
from django.http.response import HttpResponseBase

_NUL = "\0"


class NothingForNul:
    """Middleware: in the API a NUL becomes a character that no name has, so that it finds nothing; pages drop it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        instead = "\N{REPLACEMENT CHARACTER}" if request.path_info.startswith("/api/") else ""
        query = request.META.get("QUERY_STRING", "")
        for nul in ("%00", _NUL):
            query = query.replace(nul, quote(instead))
        request.META["QUERY_STRING"] = query
        if _NUL in request.path_info:
            request.path_info = request.path_info.replace(_NUL, instead)
            request.path = request.path.replace(_NUL, instead)
        return self.get_response(request)
