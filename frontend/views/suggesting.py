"""Suggestions for the search box, as the options of a list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control

from catalog.search.suggesting import suggest


def suggestions(request: HttpRequest) -> HttpResponse:
    """The options for the text ``q`` with the caret at ``at``."""
    text, place = request.GET.get("q", "").replace("\0", "")[:500], request.GET.get("at", "")
    at = int(place) if place.isdecimal() and len(place) < 6 else None
    response = render(
        request, "search/suggestions.html", {"suggestions": suggest(text, request.user, at=at), "text": text}
    )
    patch_cache_control(response, private=True, max_age=30)
    return response
