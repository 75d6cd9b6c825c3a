"""The search language on one page, from the same table that reads it."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from catalog.search.vocabulary import FILTERS, Filter


@dataclass(frozen=True)
class Example:
    """A query, what it means, and its address."""

    text: str
    says: Promise

    @property
    def url(self) -> str:
        """Where it is asked."""
        return _address(self.text)


EXAMPLES = (
    Example("base:llama-3 method:lora rank:<=16", _("every filter must hold")),
    Example("lang:de,fr", _("a comma means either")),
    Example("-is:derived", _("a minus excludes")),
    Example('"court decisions"', _("words beside each other, in this order")),
    Example("rank:4..16 size:<10MB", _("numbers compare, or lie between two")),
    Example("is:measured sort:score", _("what was measured, the best first")),
)


def help_page(request: HttpRequest) -> HttpResponse:
    """What can be typed, with examples to click."""
    rows = [(row, _address(row.example), _others(row)) for row in FILTERS]
    return render(request, "search/help.html", {"filters": rows, "examples": EXAMPLES})


def _others(row: Filter) -> str:
    return ", ".join(row.aliases)


def _address(text: str) -> str:
    return f"{reverse('search')}?{urlencode({'q': text})}"
