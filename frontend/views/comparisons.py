"""Version against version on one set: a form, and below it what flipped."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.errors import DomainError
from catalog.evaluations.comparing import compare
from frontend.errors import status_of
from frontend.figures.shares import flip_shares
from frontend.scores import score_lines
from frontend.search_form import typed


def compare_page(request: HttpRequest) -> HttpResponse:
    """``a`` (before) against ``b`` (now) on ``set``; without all three, the form alone. Errors stand beneath it."""
    a, b, asked = (typed(request.GET, name) for name in ("a", "b", "set"))
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
