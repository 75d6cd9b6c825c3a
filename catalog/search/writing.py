"""A SearchQuery written in the search language: reading it again gives the same query."""

import math
import re
from typing import Any

from catalog.search.query import ANY_OF, NUMBER_FILTERS, WORD_FILTERS, SearchQuery
from catalog.search.tokens import plain_word, tokens_of
from catalog.search.vocabulary import FILTERS, SIZE, comparable_names

DEFAULT_SORT = SearchQuery().sort
_NAMES = {filter_.field: filter_.name for filter_ in FILTERS}
_KINDS = {filter_.field: filter_.kind for filter_ in FILTERS}
_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_PLAIN = re.compile(r"[^\s\",]+")


def written(query: SearchQuery) -> str:
    """``query`` as somebody would type it: filters first, then words and phrases, the order last."""
    terms = [f"{_NAMES[field]}:{_list(getattr(query, field))}" for field in WORD_FILTERS if getattr(query, field)]
    terms += [f"fits:{_value(query.fits)}"] if query.fits else []
    for field in NUMBER_FILTERS:
        terms += _bounds(query, field)
    terms += [f"is:{mark}" for mark in query.marks]
    terms += [_one_more(term.name, term.value, term.is_negated) for term in query.more]
    terms += [_word(word) for word in query.text.split()]
    terms += [f'"{phrase}"' for phrase in query.phrases]
    if query.sort != (DEFAULT_SORT if not query.score_set else "score"):
        terms.append(f"sort:{query.sort}")
    return " ".join(terms)


def _bounds(query: SearchQuery, field: str) -> list[str]:
    low, high = getattr(query, f"{field}_min"), getattr(query, f"{field}_max")
    on = _value(query.score_set) if field == "score" and query.score_set else ""
    if low is None and high is None:
        return [f"score:{on}"] if on else []
    return [f"{_NAMES[field]}:{on}{bound}" for bound in _spans(field, low, high, is_list=bool(on))]


def _spans(field: str, low: Any, high: Any, *, is_list: bool = False) -> list[str]:
    """``4..16``, ``<=16`` or ``16``; open ends are written with ``<`` and ``>``, each end apart."""
    if low is not None and low == high:
        return [("=" if is_list else "") + _figure(field, low)]
    ends = [_end(field, low, ">"), _end(field, high, "<")]
    if "" in ends:
        return [end for end in ends if end]
    if all(end[1] == "=" for end in ends) and not is_list:
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


def _one_more(name: str, value: str, is_negated: bool) -> str:
    sign = "-" if is_negated else ""
    if name == "text":
        return sign + _word(value)
    if name == "phrase":
        return f'{sign}"{value}"'
    if name in NUMBER_FILTERS:
        low, high = (
            None if end == "" else float(end) if "." in end or "e" in end else int(end) for end in value.split("..")
        )
        return " ".join(f"{sign}{_NAMES[name]}:{span}" for span in _spans(name, low, high))
    return f"{sign}{'is' if name == 'is' else _NAMES[name]}:{_list(value)}"


def _list(value: str) -> str:
    return ANY_OF.join(_value(one) for one in value.split(ANY_OF))


def _value(value: str) -> str:
    return value if _PLAIN.fullmatch(value) and not value.startswith((">", "<", "=")) else f'"{value}"'


def _word(word: str) -> str:
    """A word, in quotes where it would be read as something else."""
    is_plain = word not in ("OR", "AND", "NOT") and plain_word(word) == word
    read = tokens_of(word, comparable=comparable_names()) if is_plain else []
    is_one = len(read) == 1 and not read[0].name and not read[0].values[0].is_quoted
    return word if is_one else f'"{word}"'
