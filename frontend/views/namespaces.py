"""A namespace and its adapters."""

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from catalog.accounts.models import Namespace
from catalog.accounts.services import role_in
from catalog.adapters.models import Adapter, VersionState
from catalog.collections.models import Collection
from catalog.errors import NotFound
from catalog.evaluations.models import EvaluationSet, Policy
from catalog.families.models import Family
from catalog.search.queries import SearchQuery, facets, search
from frontend.search_form import facet_groups, search_url

MOST_LISTED = 50
MOST_VALUES = 6
_SHOWN = ("base", "method", "task", "language")
_MAY_COME = (VersionState.RESERVED, VersionState.YANKED)


def namespace_page(request: HttpRequest, namespace: str) -> HttpResponse:
    """What ``namespace`` has published; its members also see what is not published yet. Raises NotFound."""
    found = Namespace.objects.named(namespace).first()
    if found is None:
        raise NotFound(detail=f"no namespace {namespace!r}", hint="Search finds adapters by any word of their name.")
    if found.name != namespace:
        return redirect("namespace", found.name, permanent=False)
    query = SearchQuery(namespace=found.name, sort="newest")
    page = search(query, request.user, cursor=request.GET.get("cursor") or None)
    counts = facets(query, request.user, most=MOST_VALUES)
    role = role_in(request.user, found)
    unpublished = Adapter.objects.visible_to(request.user).filter(
        Q(versions=None) | Q(versions__state__in=_MAY_COME), namespace=found, default_version=None
    )
    context = {
        "namespace": found,
        "page": page,
        "more_url": f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else "",
        "groups": [group for group in facet_groups(query, counts) if group.name in _SHOWN],
        "search_url": search_url(SearchQuery(namespace=found.name)),
        "families": _families_of(request, found),
        "collections": _collections_of(request, found),
        "unpublished": unpublished.distinct().select_related("namespace").order_by("name") if role else [],
        "role": role,
        "sets": _sets_of(request, found),
        # As over HTTP: members alone read them.
        "policies": _policies_of(found) if role else [],
    }
    return render(request, "namespace.html", context)


def _sets_of(request: HttpRequest, namespace: Namespace) -> list[EvaluationSet]:
    found = EvaluationSet.objects.visible_to(request.user).filter(namespace=namespace)
    return list(found.select_related("namespace").order_by("folded")[:MOST_LISTED])


def _families_of(request: HttpRequest, namespace: Namespace) -> list[Family]:
    found = Family.objects.visible_to(request.user).filter(namespace=namespace)
    return list(found.select_related("namespace").order_by("folded")[:MOST_LISTED])


def _collections_of(request: HttpRequest, namespace: Namespace) -> list[Collection]:
    found = Collection.objects.visible_to(request.user).filter(namespace=namespace)
    return list(found.select_related("namespace").order_by("folded")[:MOST_LISTED])


def _policies_of(namespace: Namespace) -> list[Policy]:
    found = Policy.objects.filter(namespace=namespace).select_related("evaluation_set__namespace")
    return list(found.order_by("pk")[:MOST_LISTED])
