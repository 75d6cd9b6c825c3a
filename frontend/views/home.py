"""The front page: what the hub is, how much is in it, what is new."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.bases.models import BaseModel
from catalog.search.queries import SearchQuery, facets, search

NEWEST = 6


def home(request: HttpRequest) -> HttpResponse:
    """What the viewer may see, newest first; an empty hub shows the commands that fill it."""
    newest = search(SearchQuery(sort="newest"), request.user, limit=NEWEST)
    found = facets(SearchQuery(), request.user, most=8)
    context = {
        "newest": newest,
        "facets": found,
        "base_count": BaseModel.objects.values("folded").distinct().count(),
        "hub_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "home.html", context)
