"""Two versions of an adapter: all of them to choose from, and what changed from one to another."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from catalog.adapters.difference import difference
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter
from frontend.differing import fact_changes
from frontend.search_form import typed
from frontend.views.adapters import visible_revisions


def versions_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Every version and revision that the viewer may see, and a form that compares two. Raises NotFound."""
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    rows = visible_revisions(request, adapter)
    context = {"adapter": adapter, "revisions": rows, "chosen": _newest_two(rows)}
    return render(request, "difference/versions.html", context)


def diff_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What changed from ``?from=`` to ``?to=`` (the default version). Raises NotFound and Gone.

    Without ``from`` the versions are shown, to choose two.
    """
    before, after = typed(request.GET, "from"), typed(request.GET, "to")
    if not before:
        return redirect("versions", namespace, name)
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    found = difference(request.user, adapter, before, after)
    changed, equal = fact_changes(found)
    context = {
        "adapter": adapter,
        "found": found,
        "changed": changed,
        "equal": equal,
        "files": [row for row in found.files if row.change != "same"],
        "same_files": [row for row in found.files if row.change == "same"],
        "revisions": visible_revisions(request, adapter),
        "compare_sets": [row.set_revision for row in found.scores if row.before and row.after],
    }
    return render(request, "difference/page.html", context)


def _newest_two(rows: list[Revision]) -> tuple[int, int]:
    """Keys of the second newest and the newest, as the form offers them."""
    keys = [row.pk for row in rows[:2]]
    return (keys[-1], keys[0]) if keys else (0, 0)
