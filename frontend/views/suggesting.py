"""Suggestions for the search box, as the options of a list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control

from catalog.errors import InvalidInput
from catalog.search.naming import adapter_names, set_names
from catalog.search.suggesting import Suggestion, suggest

# What a box asks for: its word in the address, and who knows such names.
_NAMES = {"adapter": adapter_names, "set": set_names}


def suggestions(request: HttpRequest) -> HttpResponse:
    """The options for the text ``q`` with the caret at ``at``; with ``of``, names of adapters or of sets.

    Raises:
        InvalidInput: there are no suggestions of that kind.
    """
    text, of = request.GET.get("q", "").replace("\0", "")[:500], request.GET.get("of", "")
    context = {"suggestions": _found(request, text, of), "text": text, "is_query": not of}
    response = render(request, "search/suggestions.html", context)
    patch_cache_control(response, private=True, max_age=30)
    return response


def _found(request: HttpRequest, text: str, of: str) -> list[Suggestion]:
    if of:
        if of not in _NAMES:
            known = " or ".join(_NAMES)
            raise InvalidInput(detail=f"of is {of[:40]!r}; suggestions are of {known}", field="of")
        return _NAMES[of](text, request.user)
    place = request.GET.get("at", "")
    return suggest(text, request.user, at=int(place) if place.isdecimal() and len(place) < 6 else None)
