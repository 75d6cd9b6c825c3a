"""What a request answers while the database is away: 503 and when to come again, never a mistake of the hub."""

import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader

from catalog.errors import Busy
from catalog.observing import observe

log = logging.getLogger(__name__)
RETRY_SECONDS = 5
_MISTAKE = {
    "code": "internal_error",
    "detail": "a mistake of the hub; it is in its log",
    "hint": "Nothing was half done.",
}


def database_unavailable(error: BaseException) -> Busy:
    """Log why the database did not answer, in one line, and return the error that the caller sees."""
    observe("database_error")
    log.error("the database did not answer: %s", _reason(error))
    return Busy(
        "database_unavailable",
        "the database does not answer now",
        hint=f"Nothing was half done. Try again in {RETRY_SECONDS} seconds.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``: the last stop of every exception, also of those in middleware and templates."""
    error = sys.exc_info()[1]
    is_outage = isinstance(error, (OperationalError, InterfaceError))
    status = 503 if is_outage else 500
    said = database_unavailable(error).as_dict() if is_outage and error is not None else _MISTAKE
    if request.path.startswith("/api/"):
        response: HttpResponse = JsonResponse(said, status=status)
    else:
        # Without the request no context processor runs, and none of them asks the database again.
        page = loader.render_to_string("503.html" if is_outage else "500.html")
        response = HttpResponse(page, status=status)
    if is_outage:
        response["Retry-After"] = str(RETRY_SECONDS)
        # One line above says it all: without this mark Django would log the same with a trace.
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _reason(error: BaseException) -> str:
    """The first line of the driver's own words, which name no password."""
    cause = error.__cause__ or error
    words = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {words[0] if words else ''}"
