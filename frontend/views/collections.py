"""Collections: the list, one of them as it is or as it was, and what changed between two revisions."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from catalog.accounts.models import Role
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.cards import render_card
from catalog.collections.diffs import diff_collection
from catalog.collections.queries import find_collections, get_collection, get_collection_revision, items_of
from catalog.errors import InvalidInput
from catalog.paging import page_of
from catalog.search.queries import SearchQuery, matching
from frontend.search_form import typed

PAGE_ROWS = 50
MOST_REVISIONS = 50


def collection_list(request: HttpRequest) -> HttpResponse:
    """The collections that the viewer may see, by name."""
    found = find_collections(request.user, text=typed(request.GET, "q"))
    page = page_of(found, ("folded", "pk"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    more_url = f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else ""
    return render(request, "collection/list.html", {"page": page, "more_url": more_url})


@never_cache
def collection_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """A collection now, or as it was at ``?revision=3``. Raises NotFound and InvalidInput.

    Another spelling of the name is redirected.
    """
    collection = get_collection(request.user, f"{namespace}/{name}")
    if (collection.namespace.name, collection.name) != (namespace, name):
        return redirect("collection", collection.namespace.name, collection.name)
    revision = get_collection_revision(collection, whole_number(request, "revision"))
    items = list(items_of(request.user, revision))
    adapters = [item.adapter_id for item in items if item.adapter_id]
    records = [item.record_id for item in items if item.record_id]
    found = matching(SearchQuery(), request.user).select_related("base_model")
    of_adapters = {entry.adapter_id: entry for entry in found.filter(adapter__in=adapters)}
    of_records = {entry.record_id: entry for entry in found.filter(record__in=records)}
    rows = [(item, of_adapters.get(item.adapter_id) or of_records.get(item.record_id)) for item in items]
    role = role_in(request.user, collection.namespace)
    context = {
        "collection": collection,
        "revision": revision,
        "is_newest": revision is None or revision.number == collection.number,
        "revisions": list(collection.revisions.select_related("author")[:MOST_REVISIONS]),
        "rows": rows,
        "description": render_card(revision.description if revision else collection.description),
        "can_change": role in WRITE_ROLES,
        "can_delete": role == Role.OWNER,
    }
    return render(request, "collection/page.html", context)


@never_cache
def collection_diff(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """What changed between two revisions; without numbers the newest change. Raises NotFound and InvalidInput."""
    collection = get_collection(request.user, f"{namespace}/{name}")
    end = whole_number(request, "to") or collection.number
    start = whole_number(request, "from")
    diff = diff_collection(request.user, collection, max(1, end - 1) if start is None else start, end)
    revisions = list(collection.revisions.select_related("author")[:MOST_REVISIONS])
    context = {"collection": collection, "diff": diff, "revisions": revisions}
    return render(request, "collection/diff.html", context)


def whole_number(request: HttpRequest, name: str) -> int | None:
    """A number of the query string, None without one. Raises InvalidInput."""
    text = typed(request.GET, name)
    if text and not (text.isdecimal() and len(text) < 10):
        raise InvalidInput(detail=f"{name} is {text[:40]!r}; it must be a whole number", field=name)
    return int(text) if text else None
