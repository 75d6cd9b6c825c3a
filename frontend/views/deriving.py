"""Forms for merges and reductions; the rest is in the API and in ``hubclient``."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from catalog.accounts.models import User
from catalog.derivations.merge_options import METHODS
from catalog.derivations.merging import request_merge, request_preview
from catalog.derivations.reducing import request_reduction
from catalog.errors import DomainError
from frontend.deriving import asked_of, reduction_of, target_of
from frontend.errors import status_of
from frontend.search_form import typed

WAYS = (
    ("truncate:rank", _("to a rank"), _("the leading directions of every update; write a rank such as 4")),
    ("truncate:energy", _("to a share of the energy"), _("write a share such as 0.95")),
    ("truncate:size_bytes", _("to a size"), _("ranks chosen for the least error; write a number of bytes")),
    ("shorten:rank", _("to its first components"), _("for adapters trained with nested ranks; write a rank")),
    ("prune:density", _("to a share of its entries"), _("write a share such as 0.25")),
    ("quantise:bits", _("to fewer bits"), _("write 8, 4 or 1")),
)


@never_cache
@login_required
def merge_page(request: HttpRequest) -> HttpResponse:
    """The form of a merge; a POST looks at one (``look``) or asks for it, and goes on to the job."""
    user, error = cast(User, request.user), None
    if request.method == "POST":
        try:
            asked = asked_of(request.POST)
            if "look" in request.POST:
                return redirect("job", request_preview(user, asked).pk)
            return redirect("job", request_merge(user, asked, target_of(request.POST)).job_id)
        except DomainError as refused:
            error = refused
    given = request.POST or {"members": typed(request.GET, "with"), "method": "cat"}
    context: dict[str, Any] = {"given": given, "methods": METHODS.items(), "error": error}
    return render(request, "derive/merge.html", context, status=status_of(error) if error else 200)


@never_cache
@login_required
def reduce_page(request: HttpRequest) -> HttpResponse:
    """The form of a reduction; a POST asks for it, and goes on to the job."""
    user, error = cast(User, request.user), None
    if request.method == "POST":
        try:
            operation, settings = reduction_of(request.POST)
            source, target = typed(request.POST, "source"), target_of(request.POST)
            made = request_reduction(user, source=source, operation=operation, settings=settings, target=target)
            return redirect("job", made.job_id)
        except DomainError as refused:
            error = refused
    given = request.POST or {"source": typed(request.GET, "of"), "how": WAYS[0][0]}
    context = {"given": given, "ways": WAYS, "error": error}
    return render(request, "derive/reduce.html", context, status=status_of(error) if error else 200)
