"""Every error as one JSON shape: ``{code, detail, field?, hint?}``; ``hub/requests.py`` adds ``request_id``."""

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from catalog import errors
from catalog.accounts.tokens import TokenRefused
from hub.outage import database_unavailable
from storage import StorageError

log = logging.getLogger(__name__)

STATUSES: list[tuple[type[errors.DomainError], int]] = [
    (TokenRefused, 401),
    (errors.InvalidInput, 400),
    (errors.NotPermitted, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.Gone, 410),
    (errors.TooLarge, 413),
    (errors.Unprocessable, 422),
    (errors.RateLimited, 429),
    (errors.Busy, 503),
    (errors.Full, 507),
    (errors.DomainError, 400),
]
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}, 503: {"Retry-After": "2"}}
_CODES = {
    exceptions.ParseError: ("invalid_input", "Send JSON."),
    exceptions.NotAuthenticated: ("token_missing", "Sign in with `hubclient login`, or set HUB_TOKEN."),
    exceptions.AuthenticationFailed: ("credentials_invalid", ""),
    exceptions.PermissionDenied: ("not_permitted", ""),
    exceptions.NotFound: ("not_found", ""),
    exceptions.MethodNotAllowed: ("method_not_allowed", ""),
    exceptions.NotAcceptable: ("not_acceptable", "This API speaks application/json."),
    exceptions.UnsupportedMediaType: ("unsupported_media_type", "Send application/json."),
    exceptions.Throttled: ("rate_limited", "Wait for as long as Retry-After says."),
}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception of a view into a response; None for what nobody foresaw (a 500)."""
    if isinstance(error, errors.DomainError):
        return domain_response(error)
    if isinstance(error, StorageError):
        log.error("the store failed: %s: %s", error.code, error.detail)
        if error.code == "storage_full":
            return domain_response(errors.Full(detail="the store has no room left", hint="Tell whoever runs the hub."))
        away = errors.Busy("storage_unavailable", "the store could not hand out these bytes", hint="Try again later.")
        return domain_response(away)
    if isinstance(error, (OperationalError, InterfaceError)):
        return domain_response(database_unavailable(error))
    if isinstance(error, exceptions.ValidationError):
        return Response(_first_problem(error.detail), status=400)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    code, hint = _CODES.get(type(error), ("invalid_input", ""))
    response.data = {"code": code, "detail": str(error.detail)} | ({"hint": hint} if hint else {})
    return response


def domain_response(error: errors.DomainError) -> Response:
    """The response of a domain error, with WWW-Authenticate or Retry-After where they belong."""
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    headers = _HEADERS.get(status)
    return Response(error.as_dict(), status=status, headers=headers)


def not_found(request: Any, *args: Any, **kwargs: Any) -> JsonResponse:
    """The answer to an API path that does not exist."""
    return JsonResponse(
        {"code": "not_found", "detail": f"no such path: {request.path}", "hint": "See /api/v1/docs."}, status=404
    )


def _first_problem(detail: Any, path: str = "") -> dict[str, Any]:
    """The first of a serializer's complaints, with the path of its field."""
    if isinstance(detail, dict):
        key, value = next(iter(detail.items()))
        inner = path if key == "non_field_errors" else f"{path}.{key}".strip(".")
        return _first_problem(value, inner)
    if isinstance(detail, list):
        index, value = next((i, item) for i, item in enumerate(detail) if item)
        return _first_problem(value, f"{path}[{index}]" if isinstance(value, dict) else path)
    code = "unknown_field" if detail.code == "unknown_field" else "invalid_input"
    return {"code": code, "detail": f"{path}: {detail}" if path else str(detail)} | ({"field": path} if path else {})
