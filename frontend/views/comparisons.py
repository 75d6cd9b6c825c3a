"""Adapters side by side, and version against version on one set: what flipped."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.comparisons.side_by_side import FEWEST, MOST, side_by_side
from catalog.errors import DomainError
from catalog.evaluations.comparing import compare
from frontend.errors import status_of
from frontend.figures.shares import flip_shares
from frontend.scores import score_lines
from frontend.search_form import typed
from frontend.side_by_side import comparison_context

_FLIPS = ("a", "b", "set")


def compare_page(request: HttpRequest) -> HttpResponse:
    """Adapters side by side, each named by ``with``; with ``a``, ``b`` or ``set``, two versions row by row."""
    if any(name in request.GET for name in _FLIPS):
        return _flips_page(request)
    return _side_by_side_page(request)


def _side_by_side_page(request: HttpRequest) -> HttpResponse:
    """Two to six adapters; with fewer, the form alone. Errors stand beneath it."""
    typed_names = [text.strip()[:300] for text in request.GET.getlist("with")]
    names = list(dict.fromkeys(name for name in typed_names if name))
    context: dict[str, Any] = {"names": names, "fewest": FEWEST, "most": MOST}
    error: DomainError | None = None
    if len(names) >= FEWEST:
        try:
            context |= comparison_context(side_by_side(request.user, names))
        except DomainError as refused:
            error = refused
    context["error"] = error
    return render(request, "compare/page.html", context, status=status_of(error) if error else 200)


def _flips_page(request: HttpRequest) -> HttpResponse:
    """``a`` (before) against ``b`` (now) on ``set``; without all three, the form alone. Errors stand beneath it."""
    a, b, asked = (typed(request.GET, name) for name in _FLIPS)
    context: dict[str, Any] = {"a": a, "b": b, "asked": asked}
    error: DomainError | None = None
    if a and b and asked:
        try:
            found = compare(request.user, a, b, asked)
        except DomainError as refused:
            error = refused
        else:
            lines = score_lines([(found.before, None), (found.now, None)])
            context |= {"found": found, "lines": lines, "shares": flip_shares(found.flips)}
    context["error"] = error
    return render(request, "evaluation/compare.html", context, status=status_of(error) if error else 200)
