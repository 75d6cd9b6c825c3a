"""The front page: what the hub is, how much is in it, what is new."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.bases.models import BaseModel
from catalog.search.queries import facets, search
from catalog.search.query import SearchQuery, Term

NEWEST = 8
MOST_VALUES = 40
SHOWN = 8
# Records of other catalogues are found, and counted apart.
_HERE = Term("is", "elsewhere", is_negated=True)


def home(request: HttpRequest) -> HttpResponse:
    """What the viewer may see, newest first; an empty hub shows the commands that fill it."""
    newest = search(SearchQuery(sort="newest", more=(_HERE,)), request.user, limit=NEWEST)
    found = facets(SearchQuery(), request.user, most=MOST_VALUES)
    context = {
        "newest": newest,
        "elsewhere": search(SearchQuery(marks=("elsewhere",)), request.user, limit=1),
        "bases": found.base[:SHOWN],
        "tasks": found.task[:SHOWN],
        "languages": found.language[:SHOWN],
        "counts": {name: len(getattr(found, name)) for name in ("task", "language", "method")},
        "most_values": MOST_VALUES,
        "base_count": BaseModel.objects.values("folded").distinct().count(),
        "hub_url": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "home.html", context)
