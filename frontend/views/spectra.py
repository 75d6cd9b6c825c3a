"""The spectrum of one version on a page of its own: every module, and every singular value."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import InvalidInput
from frontend.figures.heat import QUANTITIES
from frontend.figures.modules import kinds_of, modules_of
from frontend.figures.spectra import module_rows, spectra
from frontend.figures.spectrum import spectrum_of
from frontend.search_form import typed

# With more modules than this, one kind of them is shown at a time.
MOST_MODULES = 64


def spectrum_page(request: HttpRequest, namespace: str, name: str, version: str) -> HttpResponse:
    """``show`` names the quantity of the heat map, ``kind`` the modules. Raises NotFound, Gone and InvalidInput."""
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    revision = get_revision(request.user, adapter, version)
    show = typed(request.GET, "show") or next(iter(QUANTITIES))
    if show not in QUANTITIES:
        raise InvalidInput(detail=f"show is {show[:40]!r}", field="show", hint=f"One of {', '.join(QUANTITIES)}.")
    modules = modules_of(revision.facts)
    kinds = kinds_of(modules) if len(modules) > MOST_MODULES else []
    kind = typed(request.GET, "kind") if kinds else ""
    if kinds and kind not in kinds:
        kind = kinds[0]
    shown = [row for row in modules if not kind or row.kind == kind]
    context = {
        "adapter": adapter,
        "revision": revision,
        "ref": version,
        "spectrum": spectrum_of(revision.facts, quantity=show, most_cells=None),
        "quantities": QUANTITIES,
        "show": show,
        "kinds": kinds,
        "kind": kind,
        "spectra": spectra(shown),
        "rows": module_rows(shown),
    }
    return render(request, "adapter/spectrum_page.html", context)
