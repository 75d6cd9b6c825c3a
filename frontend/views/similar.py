"""What is near an adapter: a page of its own, and the part of the adapter's page that is asked for last."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import NotFound
from catalog.similarity.near import similar_to
from frontend.nearness import factor_rows, near_lines


def similar_page(request: HttpRequest, namespace: str, name: str, version: str = "") -> HttpResponse:
    """Similar adapters that the viewer may see, and those of the same initial A; htmx asks for the section alone.

    Comparing with a hundred thousand others takes half a second: the adapter's page asks once somebody scrolls to it.
    Raises NotFound and Gone.
    """
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    revision = get_revision(request.user, adapter, version)
    context: dict[str, Any] = {"adapter": adapter, "revision": revision}
    try:
        found = similar_to(request.user, revision)
    except NotFound as error:
        context["unknown"] = error.hint
    else:
        context |= {
            "similar": near_lines(found.similar, revision),
            "same_start": near_lines(found.same_start, revision),
            "apart": factor_rows(found.fingerprint),
            "skipped": found.fingerprint.skipped,
        }
    template = "similar/section.html" if request.htmx else "similar/page.html"  # type: ignore[attr-defined]
    return render(request, template, context)
