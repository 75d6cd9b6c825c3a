"""Domain errors as pages: the same code and hint as in the API, with the right status."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from catalog.errors import (
    Busy,
    Conflict,
    DomainError,
    Full,
    Gone,
    InvalidInput,
    NotFound,
    NotPermitted,
    RateLimited,
    TooLarge,
    Unprocessable,
)

View = Callable[..., HttpResponseBase]

_STATUSES: dict[type[DomainError], int] = {
    InvalidInput: 400,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    TooLarge: 413,
    Unprocessable: 422,
    RateLimited: 429,
    Busy: 503,
    Full: 507,
}
_TITLES = {
    400: _("That cannot be read"),
    403: _("Not permitted"),
    404: _("Nothing here"),
    409: _("Not in this state"),
    410: _("Withdrawn"),
    413: _("Too large"),
    422: _("That contradicts itself"),
    429: _("Too often"),
    503: _("Busy"),
    507: _("No room"),
}


def status_of(error: DomainError) -> int:
    """The HTTP status of ``error``: that of the nearest class in the tree, else 400."""
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 400)


def error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A page that says what was received, what is wrong and what to do."""
    status = status_of(error)
    title = _TITLES.get(status, _("That did not work"))
    return render(request, "error.html", {"error": error, "title": title, "status": status}, status=status)


def page(view: View) -> View:
    """Wrap ``view``: a domain error that it raises becomes an error page."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except DomainError as error:
            return error_page(request, error)

    return wrapped
