"""What a family's own people do on its page: make it, add members, give consent, ask for a basis."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from catalog.accounts.models import Namespace, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.bases.models import BaseModel
from catalog.errors import DomainError
from catalog.families.members import add_members, decide_consent, get_member
from catalog.families.requesting import request_basis
from catalog.families.services import create_family
from frontend.errors import status_of
from frontend.views.families import require_family

MOST_BASES = 200


@login_required
def new_family(request: HttpRequest) -> HttpResponse:
    """The form that makes a family, and what it sends. Raises what nobody can correct in the form."""
    user = cast(User, request.user)
    error: DomainError | None = None
    if request.method == "POST":
        given = request.POST
        rule = {"method": "lora", "name": given.get("prefix", "")} if given.get("by") == "rule" else {}
        try:
            made = create_family(
                user,
                full_name=f"{given.get('namespace', '')}/{given.get('name', '')}",
                base_model=given.get("base_model", ""),
                visibility=given.get("visibility", "public"),
                summary=given.get("summary", ""),
                rule=rule,
            )
        except DomainError as refusal:
            error = refusal
        else:
            return redirect("family", made.namespace.name, made.name)
    namespaces = Namespace.objects.live().filter(memberships__user=user, memberships__role__in=WRITE_ROLES)
    context: dict[str, Any] = {
        "posted": request.POST,
        "error": error,
        "namespaces": namespaces.order_by("name"),
        "bases": BaseModel.objects.defer("config").order_by("folded", "revision")[:MOST_BASES],
    }
    return render(request, "family/new.html", context, status=status_of(error) if error else 200)


@require_POST
@login_required
def add_to_family(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Add the adapters of the form. Raises NotFound, NotPermitted and what is wrong with one of them."""
    family = require_family(request, namespace, name)
    added = add_members(cast(User, request.user), family, request.POST.get("adapters", "").split())
    asked = sum(member.consent == "asked" for member in added)
    messages.success(request, gettext("%(number)d added.") % {"number": len(added)})
    if asked:
        told = ngettext(
            "%(number)d of them waits for the consent of its owners.",
            "%(number)d of them wait for the consent of their owners.",
            asked,
        )
        messages.success(request, told % {"number": asked})
    return redirect("family", namespace, name)


@require_POST
@login_required
def give_consent(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Give or refuse an adapter's consent. Raises NotFound and NotPermitted."""
    family = require_family(request, namespace, name)
    member = get_member(cast(User, request.user), family, request.POST.get("adapter", ""))
    decided = decide_consent(cast(User, request.user), member, is_given=request.POST.get("consent") == "given")
    messages.success(
        request, gettext("Consent for %(name)s: %(said)s.") % {"name": member.adapter, "said": decided.consent}
    )
    return redirect("family", namespace, name)


@require_POST
@login_required
def compress_family(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Ask for the next basis. Raises NotFound, NotPermitted, InvalidInput and what the members are refused for."""
    family = require_family(request, namespace, name)
    given = request.POST
    options: dict[str, Any] = {"method": given.get("method", "jd_full")}
    size, value = given.get("size", ""), given.get("value", "").strip()
    if size and value:
        options[size] = _number(value, whole=size != "error")
    if options["method"] == "clustered" and given.get("clusters", "").strip():
        options["clusters"] = _number(given["clusters"].strip(), whole=True)
    basis = request_basis(cast(User, request.user), family, options=options)
    messages.success(request, gettext("Basis %(number)d waits to be made.") % {"number": basis.number})
    return redirect("family", namespace, name)


def _number(text: str, *, whole: bool) -> int | float | str:
    """What was typed as a number; the text itself where it is none, which the options then refuse."""
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return text
