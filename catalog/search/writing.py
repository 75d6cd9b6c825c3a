"""Values of a query as somebody would type them: in quotes where they must be, numbers with their units."""

import math
import re
from typing import Any

from catalog.search.lexing import plain_word, tokens_of
from catalog.search.query import ANY_OF, SearchQuery, Term
from catalog.search.vocabulary import FILTERS, SIZE, comparable_names

_NAMES = {filter_.field: filter_.name for filter_ in FILTERS} | {"is": "is"}
_KINDS = {filter_.field: filter_.kind for filter_ in FILTERS}
_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_PLAIN = re.compile(r"[^\s\",<>=][^\s\",]*")


def name_of(field: str) -> str:
    """The filter's name in the language: ``lang`` for ``language``."""
    return _NAMES.get(field, field)


def value_of(value: str) -> str:
    """One value of a filter."""
    return value if _PLAIN.fullmatch(value) else f'"{value}"'


def list_of(values: str) -> str:
    """Values of which one is enough."""
    return ANY_OF.join(value_of(one) for one in values.split(ANY_OF))


def word_of(word: str) -> str:
    """A word, in quotes where it would be read as something else."""
    is_plain = word not in ("OR", "AND", "NOT") and plain_word(word) == word
    read = tokens_of(word, comparable=comparable_names()) if is_plain else []
    is_one = len(read) == 1 and not read[0].name and not read[0].values[0].is_quoted
    return word if is_one else f'"{word}"'


def bounds_of(query: SearchQuery, field: str) -> list[str]:
    """The terms for a range: ``rank:4..16``; two where its ends cannot be written together; none for no range."""
    low, high = getattr(query, f"{field}_min"), getattr(query, f"{field}_max")
    on = value_of(query.score_set) if field == "score" and query.score_set else ""
    if low is None and high is None:
        return [f"score:{on}"] if on else []
    return [f"{name_of(field)}:{on}{bound}" for bound in _spans(field, low, high, is_after_name=bool(on))]


def span_of_term(term: Term) -> str:
    """The range of a term that is excluded."""
    ends = [None if end == "" else float(end) if set(end) & set(".en") else int(end) for end in term.value.split("..")]
    return " ".join(_spans(term.name, ends[0], ends[1]))


def _spans(field: str, low: Any, high: Any, *, is_after_name: bool = False) -> list[str]:
    if low is not None and low == high:
        return [("=" if is_after_name else "") + _figure(field, low)]
    ends = [end for end in (_end(field, low, ">"), _end(field, high, "<")) if end]
    if len(ends) == 2 and all(end[1] == "=" for end in ends) and not is_after_name:
        return [f"{ends[0][2:]}..{ends[1][2:]}"]
    return ends


def _end(field: str, value: Any, sign: str) -> str:
    """``>=0.9``, and ``>0.9`` where the number next to it is the plainer one."""
    if value is None:
        return ""
    if isinstance(value, float):
        neighbour = math.nextafter(value, -math.inf if sign == ">" else math.inf)
        if len(repr(neighbour)) < len(repr(value)):
            return f"{sign}{_figure(field, neighbour)}"
    return f"{sign}={_figure(field, value)}"


def _figure(field: str, value: Any) -> str:
    if _KINDS[field] == SIZE:
        for unit, scale in _UNITS:
            if value and value % scale == 0:
                return f"{value // scale}{unit}"
    if isinstance(value, float):
        value += 0.0  # never -0
        return f"{value:.17f}".rstrip("0").rstrip(".") if "e" in repr(value) else repr(value).removesuffix(".0")
    return str(value)
