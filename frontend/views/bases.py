"""Base models: the list, and one with its shapes and adapters."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.bases.models import BaseModel
from catalog.bases.queries import count_adapters, find_bases, get_base
from catalog.evaluations.boards import matrix
from catalog.paging import page_of
from catalog.search.queries import SearchQuery, search
from frontend.bases import family_lines, gap_table, set_leaders, shape_rows
from frontend.search_form import search_url, typed

PAGE_ROWS = 50
FIRST_ROWS = 10


def base_list(request: HttpRequest) -> HttpResponse:
    """Registered base models by name, with how many public adapters each has."""
    query = typed(request.GET, "q")
    page = page_of(find_bases(query), ("folded", "id"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    count_adapters(page.rows)
    more_url = f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else ""
    return render(request, "base/list.html", {"page": page, "query": query, "more_url": more_url})


def base_page(request: HttpRequest, base_id: str) -> HttpResponse:
    """One base model, found by id, alias or last segment. Raises NotFound."""
    base = get_base(base_id.replace("\0", ""))
    found = SearchQuery(base=base.name, sort="downloads")
    page = search(found, request.user, limit=FIRST_ROWS)
    measured = matrix(request.user, base)
    context = {
        "base": base,
        "revisions": BaseModel.objects.filter(folded=base.folded).exclude(pk=base.pk).order_by("-created_at"),
        "shapes": shape_rows(base),
        "gaps": gap_table(request.user, base),
        "leaders": set_leaders(request.user, base, measured.sets),
        "families": family_lines(request.user, base),
        "matrix": measured,
        "fits_url": search_url(SearchQuery(fits=str(base))),
        "search_url": search_url(found),
        "page": page,
        "more_url": search_url(found) if page.next_cursor else "",
    }
    return render(request, "base/page.html", context)
