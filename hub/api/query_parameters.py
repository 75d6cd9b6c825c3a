"""A search's parameters for the schema: the text in the search language, and filters of their own."""

from drf_spectacular.utils import OpenApiParameter

from catalog.search.parameters import BOUNDS
from catalog.search.query import WORD_FILTERS
from catalog.search.vocabulary import SORT_NAMES

QUERY_PARAMETERS = [
    OpenApiParameter("q", str, description="The query: words, phrases and filters, see docs/SEARCH.md"),
    *(OpenApiParameter(name, str, description="Several with commas: any of them") for name in WORD_FILTERS),
    OpenApiParameter("fits", str, description="A base model that the adapter's checked shapes must fit"),
    *(OpenApiParameter(name, int if name.startswith(("rank", "size")) else float) for name in BOUNDS),
    OpenApiParameter("sort", str, enum=list(SORT_NAMES)),
]
