"""Search: the same page whole, as the found part alone, or as the next rows, by what htmx asks for."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from catalog.errors import InvalidInput
from catalog.search.alternatives import alternatives
from catalog.search.queries import facets, search
from frontend.search_form import (
    SORT_TITLES,
    chips,
    facet_groups,
    instead,
    read_query,
    search_url,
    typed_text,
    unreadable,
)

PAGE_ROWS = 20


def search_page(request: HttpRequest) -> HttpResponse:
    """What ``request`` asks for. Raises InvalidInput for an unknown sort, a bad rank or a foreign cursor."""
    try:
        query = read_query(request.GET)
    except InvalidInput as error:
        if error.code != "invalid_query":
            raise
        return _unreadable(request, error)
    found = search(query, request.user, cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    more_url = search_url(query, cursor=found.next_cursor) if found.next_cursor else ""
    text = typed_text(request.GET)
    context = {"query": query, "text": text, "page": found, "more_url": more_url}
    template = _template(request)
    if template != "search/rows.html":
        counts = facets(query, request.user)
        context |= {
            "chips": chips(query, text),
            "groups": facet_groups(query, counts),
            "are_facets_exact": counts.is_exact,
            "sorts": SORT_TITLES,
        }
        if not found.rows and context["chips"]:
            context |= instead(alternatives(query, request.user))
    return _varying(render(request, template, context))


def _unreadable(request: HttpRequest, error: InvalidInput) -> HttpResponse:
    """The page with what is wrong in place of results. htmx shows no answer of status 400, so it gets another."""
    shown = unreadable(request.GET, error)
    context = {"text": typed_text(request.GET), "unreadable": shown}
    template = _template(request)
    is_whole = template == "search/page.html"
    if shown.is_unfinished and not is_whole:
        return _varying(HttpResponse(status=204))  # who types on keeps the results that are there
    name = template if is_whole else "search/unreadable.html"
    return _varying(render(request, name, context, status=400 if is_whole else 200))


def _varying(response: HttpResponse) -> HttpResponse:
    """One address, several bodies: a cache must not hand a fragment to somebody who opens the page."""
    patch_vary_headers(response, ["HX-Request", "HX-Target", "HX-History-Restore-Request"])
    return response


def _template(request: HttpRequest) -> str:
    htmx = request.htmx  # type: ignore[attr-defined]
    if not htmx or htmx.history_restore_request:
        return "search/page.html"
    return "search/rows.html" if htmx.target == "more" else "search/found.html"
