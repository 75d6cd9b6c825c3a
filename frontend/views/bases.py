"""Base models: the list, and one with its shapes and adapters."""

from collections import Counter
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.bases.models import BaseModel, BaseModelShapes
from catalog.bases.queries import bases_with_counts, get_base
from catalog.evaluations.boards import matrix
from catalog.paging import page_of
from catalog.search.queries import SearchQuery, search
from frontend.search_form import typed

PAGE_ROWS = 50
MOST_KINDS = 40


@dataclass(frozen=True)
class ShapeRow:
    """Modules of one name and shape, counted over the layers."""

    name: str
    kind: str
    shape: str
    count: int


def base_list(request: HttpRequest) -> HttpResponse:
    """Registered base models by name, with how many public adapters each has."""
    query = typed(request.GET, "q")
    page = page_of(
        bases_with_counts(query), ("folded", "id"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS
    )
    more_url = f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else ""
    return render(request, "base/list.html", {"page": page, "query": query, "more_url": more_url})


def base_page(request: HttpRequest, base_id: str) -> HttpResponse:
    """One base model, found by id, alias or last segment. Raises NotFound."""
    base = get_base(base_id.replace("\0", ""))
    found = SearchQuery(base=base.name, sort="downloads")
    page = search(found, request.user, cursor=request.GET.get("cursor") or None)
    context = {
        "base": base,
        "revisions": BaseModel.objects.filter(folded=base.folded).exclude(pk=base.pk).order_by("-created_at"),
        "shapes": shape_rows(base),
        "matrix": matrix(request.user, base),
        "page": page,
        "more_url": f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else "",
    }
    return render(request, "base/page.html", context)


def shape_rows(base: BaseModel) -> list[ShapeRow]:
    """The shapes of ``base``, layers folded together: ``layer.*.attention.query, linear, 384 × 384, 12``."""
    row = BaseModelShapes.objects.filter(base=base).first()
    if row is None:
        return []
    counted = Counter(
        (_without_numbers(path), module.kind, " × ".join(str(size) for size in module.shape))
        for path, module in row.as_shapes().modules.items()
    )
    return [ShapeRow(name, kind, shape, count) for (name, kind, shape), count in list(counted.items())[:MOST_KINDS]]


def _without_numbers(path: str) -> str:
    return ".".join("*" if part.isdecimal() else part for part in path.split("."))
