"""Forms that ask for a training: coefficients on others' directions, and a transfer to another base model."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from catalog.accounts.models import User
from catalog.bases.models import BaseModel, BaseState
from catalog.derivations.adapting import request_adaptation
from catalog.derivations.models import Derivation
from catalog.derivations.transferring import request_transfer
from catalog.errors import DomainError, InvalidInput
from frontend.errors import status_of
from frontend.search_form import typed

MOST_BASES = 200
_WHOLE = ("rank", "epochs", "components", "limit")


@never_cache
@login_required
def adapt_page(request: HttpRequest) -> HttpResponse:
    """The form, and what it asks for."""

    def ask(user: User) -> Derivation:
        return request_adaptation(
            user,
            adapter=typed(request.POST, "adapter"),
            members=request.POST.get("members", "").replace(",", " ").split()[:1000],
            family=typed(request.POST, "family"),
            evaluation_set=typed(request.POST, "evaluation_set"),
            settings=_settings(request),
        )

    return _answer(request, "derivation/adapt.html", ask, {"usual_members": request.GET.get("member", "")[:300]})


@never_cache
@login_required
def transfer_page(request: HttpRequest) -> HttpResponse:
    """The form, and what it asks for."""

    def ask(user: User) -> Derivation:
        return request_transfer(
            user,
            adapter=typed(request.POST, "adapter"),
            source=typed(request.POST, "source"),
            base_model=typed(request.POST, "base_model"),
            text_set=typed(request.POST, "text_set"),
            evaluation_set=typed(request.POST, "evaluation_set"),
            settings=_settings(request) | {"split": typed(request.POST, "split") or "train"},
        )

    bases = BaseModel.objects.filter(state=BaseState.READY).order_by("name")[:MOST_BASES]
    context = {"bases": bases, "usual_source": request.GET.get("source", "")[:300]}
    return _answer(request, "derivation/transfer.html", ask, context)


def _answer(
    request: HttpRequest, template: str, ask: Callable[[User], Derivation], context: dict[str, Any]
) -> HttpResponse:
    error: DomainError | None = None
    if request.method == "POST":
        try:
            asked = ask(cast(User, request.user))
        except DomainError as refused:
            error = refused
        else:
            messages.success(request, gettext("%(name)s waits to be trained.") % {"name": asked.target.full_name})
            return redirect("job", asked.job_id)
    status = status_of(error) if error else 200
    return render(request, template, context | {"error": error, "given": request.POST}, status=status)


def _settings(request: HttpRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _WHOLE:
        text = typed(request.POST, name)
        if text and not (text.isascii() and text.isdecimal() and len(text) < 9):
            raise InvalidInput(detail=f"{name} is {text[:40]!r}; it must be a whole number", field=name)
        if text:
            found[name] = int(text)
    return found
