"""The query of a page's or the API's address: the text of the box, and filters that are parameters of their own."""

from collections.abc import Mapping

from catalog.errors import InvalidInput
from catalog.search.canonical import canonical
from catalog.search.language import parsed
from catalog.search.numbers import Span, span_of
from catalog.search.query import ANY_OF, NUMBER_FILTERS, WORD_FILTERS, SearchQuery
from catalog.search.query_builder import QueryBuilder
from catalog.search.vocabulary import FILTERS

BOUNDS = tuple(f"{name}_{end}" for name in NUMBER_FILTERS for end in ("min", "max"))
PARAMETERS = ("q", *WORD_FILTERS, "fits", *BOUNDS, "sort")
"""Every parameter that :func:`query_from` reads."""

_KINDS = {filter_.field: filter_.kind for filter_ in FILTERS}
_MAX_CHARACTERS = 300


def query_from(given: Mapping[str, str]) -> SearchQuery:
    """What an address asks for: ``q`` in the search language, narrowed by the other ``PARAMETERS``.

    Raises:
        InvalidInput: ``invalid_query`` of ``q``, ``invalid_input`` of a bound that is no number.
    """
    built = parsed(given.get("q", ""))
    for field in (*WORD_FILTERS, "fits"):
        value = " ".join(given.get(field, "").replace("\0", "").split())[:_MAX_CHARACTERS]
        if value and field == "fits":
            built.fits(value)
        elif value:
            built.word(field, ANY_OF.join(canonical(field, one) for one in value.split(ANY_OF)))
    for name in BOUNDS:
        if text := given.get(name, "").strip():
            _bound(built, name, text)
    # A form always sends an order. One that is typed counts for more, and so does a score that is asked for.
    if not built.is_sorted and (order := given.get("sort", "")) not in ("", SearchQuery().sort):
        built.sort(order)
    return built.query()


def _bound(built: QueryBuilder, name: str, text: str) -> None:
    field, _, end = name.rpartition("_")
    span = span_of(text, _KINDS[field])
    if span is None or span.low is None or span.low != span.high:
        kind = "a whole number" if field == "rank" else "a number"
        raise InvalidInput(detail=f"{name} is {text[:40]!r}; it must be {kind}", field=name)
    built.bound(field, Span(low=span.low) if end == "min" else Span(high=span.high))
