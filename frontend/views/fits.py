"""Why an adapter fits a base model, or not: the exact tensors, and what fits instead."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.adapters.queries import get_adapter, get_revision
from catalog.bases.models import BaseModel, BaseState
from catalog.bases.queries import find_base
from catalog.fits.why import why_revision
from frontend.differing import unfit_rows
from frontend.search_form import typed

MOST_BASES = 200


def why_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Whether the version ``?version=`` (the default one) fits ``?base=``. Raises NotFound and Gone."""
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    version, asked = typed(request.GET, "version"), typed(request.GET, "base")
    revision = get_revision(request.user, adapter, version)
    ready = BaseModel.objects.filter(state=BaseState.READY).defer("config").order_by("folded", "revision")
    context: dict[str, Any] = {
        "adapter": adapter,
        "revision": revision,
        "version": version,
        "asked": asked,
        "bases": [str(base) for base in ready[:MOST_BASES]],
    }
    base = find_base(asked) if asked else None
    if base is not None:
        answer = why_revision(request.user, revision, base)
        context |= {"answer": answer, "unfit": unfit_rows(answer.findings)}
    return render(request, "fit/page.html", context)
