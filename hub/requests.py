"""One line and one measurement for every request, and an id that its other lines and its error carry too."""

import json
import logging
import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from catalog.observing import observe

log = logging.getLogger("hub.access")
_PLAIN_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")
# Asked every few seconds by machines: measured, but worth a line only when they fail.
_QUIET = frozenset({"healthz", "readyz", "metrics"})


class RequestLog:
    """Middleware: takes ``X-Request-ID`` if it is plain, else makes one, and gives it back in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, then log and measure."""
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _PLAIN_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            if response.status_code >= 400 and isinstance(response, HttpResponse):
                _name_request(response, request_id)
            _record(request, response, time.perf_counter() - began)
            return response
        finally:
            structlog.contextvars.clear_contextvars()


def _name_request(response: HttpResponse, request_id: str) -> None:
    """Put the id into an error of the API too, whoever made it: people copy the body and leave the headers."""
    if not response.content or not response.get("Content-Type", "").startswith("application/json"):
        return
    body = json.loads(response.content)
    if isinstance(body, dict) and "code" in body:
        response.content = json.dumps({**body, "request_id": request_id}, ensure_ascii=False).encode()
        response["Content-Length"] = str(len(response.content))


def _record(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    route = request.resolver_match.route if request.resolver_match else "(none)"
    method = request.method or ""
    observe("request", seconds, route=route, method=method, status=str(response.status_code))
    is_quiet = route in _QUIET and response.status_code < 400
    log.log(
        logging.DEBUG if is_quiet else logging.INFO,
        "request",
        extra={
            "method": method,
            "path": request.path,
            "route": route,
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 1),
            "user_id": _user_id(request),
            "address": request.META.get("REMOTE_ADDR", ""),
        },
    )


def _user_id(request: HttpRequest) -> int | str:
    """Who called, if the request had to find out; this line asks nothing of the database."""
    user = request.__dict__.get("user")
    if isinstance(user, SimpleLazyObject):
        user = request.__dict__.get("_cached_user")
    return getattr(user, "pk", None) or ""
