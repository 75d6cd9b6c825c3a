"""The lineage of one version on a page of its own."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.adapters.queries import get_adapter, get_revision
from frontend.lineage import lineage_context


def lineage_page(request: HttpRequest, namespace: str, name: str, version: str) -> HttpResponse:
    """What it was made of and what was made of it. Raises NotFound and Gone."""
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    revision = get_revision(request.user, adapter, version)
    context = {"adapter": adapter, "revision": revision, "ref": version}
    return render(request, "adapter/lineage_page.html", context | lineage_context(request.user, revision))
