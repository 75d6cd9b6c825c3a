"""Families: the list, and one with its members, its bases, what they cost and what they miss."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from catalog.accounts.models import Role
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.errors import InvalidInput, NotFound
from catalog.evaluations.models import EvaluationSet
from catalog.families.models import Basis, BasisState, Family, Fit
from catalog.families.options import METHODS
from catalog.families.queries import find_families, fits_of, get_basis, get_family, members_of
from catalog.jobs.models import Job
from catalog.paging import page_of
from frontend.figures.curve import curve_of
from frontend.search_form import typed

PAGE_ROWS = 50
MOST_FITS = 200
MOST_BASES = 50


def family_list(request: HttpRequest) -> HttpResponse:
    """The families that the viewer may see, by name."""
    page = page_of(
        find_families(request.user), ("folded", "pk"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS
    )
    more_url = f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else ""
    return render(request, "family/list.html", {"page": page, "more_url": more_url})


@never_cache
def family_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """A family on its newest basis, or on the one of ``?basis=2``. Raises NotFound and InvalidInput.

    Another spelling of the name is redirected.
    """
    family = get_family(request.user, f"{namespace}/{name}")
    if (family.namespace.name, family.name) != (namespace, name):
        return redirect("family", family.namespace.name, family.name)
    role = role_in(request.user, family.namespace)
    return render(
        request,
        "family/page.html",
        {
            "family": family,
            "members": _member_rows(request, family),
            "can_change": role in WRITE_ROLES,
            "can_delete": role == Role.OWNER,
            "methods": METHODS,
            **shown_basis(request, family),
        },
    )


def shown_basis(request: HttpRequest, family: Family) -> dict[str, Any]:
    """The basis that is asked for, or the newest one, with its fits and its curve."""
    number = typed(request.GET, "basis")
    if number and not number.isdecimal():
        raise InvalidInput(detail=f"basis is {number[:40]!r}; it must be a whole number", field="basis")
    bases = Basis.objects.visible_to(request.user).filter(family=family).select_related("family__namespace")
    found = list(bases.order_by("-number")[:MOST_BASES])
    if number:
        basis: Basis | None = get_basis(request.user, family, int(number[:9]))
    else:
        ready = [row for row in found if row.pk == family.current_id]
        basis = next(iter(ready or found), None)
    if basis is None:
        return {"bases": found, "basis": None, "waiting": None}
    fits = list(fits_of(request.user, basis)[:MOST_FITS])
    waiting = next((row for row in found if row.state == BasisState.WAITING), None)
    return {
        "bases": found,
        "basis": basis,
        "options": basis.recipe.get("options") or {},
        "fits": [(fit, seen_scores(request, fit)) for fit in fits],
        "unseen_fits": basis.fits.count() - len(fits),
        "curve": curve_of(
            basis.curve,
            chosen=(basis.recipe.get("options") or {}).get("rank"),
            original_bytes=basis.report.get("original_bytes") or 0,
        ),
        "worst_modules": worst_modules(basis),
        "waiting": waiting,
        "job": Job.objects.visible_to(request.user).filter(pk__in=[(waiting or basis).job_id]).first(),
    }


def worst_modules(basis: Basis) -> list[tuple[str, dict[str, Any]]]:
    """The modules that the basis misses most of, ten at most."""
    modules = (basis.report.get("modules") or {}).items()
    return sorted(modules, key=lambda row: -row[1]["mean_error"])[:10]


def seen_scores(request: HttpRequest, fit: Fit) -> list[dict[str, Any]]:
    """Scores before and after, on the sets that the viewer may see."""
    ids = {score.get("evaluation_set_id") for score in fit.scores}
    if not ids:
        return []
    seen = set(EvaluationSet.objects.visible_to(request.user).filter(pk__in=ids).values_list("pk", flat=True))
    return [score for score in fit.scores if score.get("evaluation_set_id") in seen]


def _member_rows(request: HttpRequest, family: Family) -> list[tuple[Any, bool]]:
    """Each member that the viewer may see, and whether its consent is his to give."""
    rows = []
    for member in members_of(request.user, family):
        is_own = role_in(request.user, member.adapter.namespace) == Role.OWNER
        rows.append((member, is_own))
    return rows


def require_family(request: HttpRequest, namespace: str, name: str) -> Family:
    """The family for a change. Raises NotFound."""
    if not request.user.is_authenticated:
        raise NotFound("family_not_found", f"no family {namespace}/{name} that you may see")
    return get_family(request.user, f"{namespace}/{name}")
