"""Removals and their receipts."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from catalog.paging import page_of
from catalog.removals.queries import find_removals, get_removal


@never_cache
@login_required
def removal_list(request: HttpRequest) -> HttpResponse:
    """Removals of the viewer's namespaces, newest first."""
    page = page_of(find_removals(request.user), ("-created_at", "-id"), cursor=request.GET.get("cursor"), limit=50)
    more_url = f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else ""
    return render(request, "removal/list.html", {"page": page, "more_url": more_url})


@never_cache
@login_required
def removal_page(request: HttpRequest, removal_id: UUID) -> HttpResponse:
    """One removal with its receipt. Raises NotFound."""
    return render(request, "removal/page.html", {"removal": get_removal(request.user, removal_id)})
