"""Families that the weights propose: groups of adapters that began at the same A, for one base model."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from catalog.bases.models import BaseModel
from catalog.bases.queries import get_base
from catalog.similarity.proposing import propose_families
from frontend.search_form import typed

MOST_BASES = 200
MOST_SHOWN = 50


@never_cache
def proposals_page(request: HttpRequest) -> HttpResponse:
    """The form, and what was found for ``?base_model=&namespace=`` among what the viewer may see. Raises NotFound."""
    asked, namespace = typed(request.GET, "base_model"), typed(request.GET, "namespace")
    context: dict[str, Any] = {
        "asked": asked,
        "namespace": namespace,
        "bases": BaseModel.objects.defer("config").order_by("folded", "revision")[:MOST_BASES],
    }
    if asked:
        found = propose_families(request.user, get_base(asked), namespace=namespace)
        context |= {"found": found, "proposals": found.proposals[:MOST_SHOWN]}
    return render(request, "family/proposals.html", context)
