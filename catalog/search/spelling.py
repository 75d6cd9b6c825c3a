"""Words that are spelled nearly alike, out of those that entries carry."""

import difflib
import re
from collections import Counter

from django.db import ProgrammingError, connection

from catalog.search.deadlines import TookTooLong, within
from catalog.search.known_words import kept, known_words
from catalog.search.models import SearchEntry
from catalog.search.totals import is_large

_NEAR = 0.75
_SPELLED_FIELDS = ("base", "method", "task", "domain", "tag", "language", "architecture")
_NAMED_ENTRIES = 20_000
_WORD = re.compile(r"[^\W\d_]{3,}")
_MOST_LETTERS = 40
_MILLISECONDS = 200
_BY_TRIGRAMS = (
    "SELECT value FROM search_facetcount WHERE facet = %s AND folded %% %s AND folded <> %s"
    " ORDER BY similarity(folded, %s) DESC, count DESC LIMIT %s"
)


def values_like(field: str, value: str, most: int = 2) -> list[str]:
    """Values of a filter that are spelled nearly like ``value``, or named so, the most frequent of equals first."""
    folded = value.casefold()[:_MOST_LETTERS]
    forms = {form: word.value for word in reversed(known_words(field)) for form in _forms(word.forms) if word.count}
    close = difflib.get_close_matches(folded, _alike(folded, forms), n=most * 2, cutoff=_NEAR)
    found = list(dict.fromkeys(forms[form] for form in close if forms[form].casefold() != folded))
    return (found or _rare_values_like(field, folded, most))[:most]


def _rare_values_like(field: str, folded: str, most: int) -> list[str]:
    """The same among values that are too many to keep in memory, where PostgreSQL has trigrams of them."""
    if connection.vendor != "postgresql" or not is_large():
        return []
    try:
        with within(_MILLISECONDS), connection.cursor() as cursor:
            cursor.execute(_BY_TRIGRAMS, [field, folded, folded, folded, most])
            return [value for (value,) in cursor.fetchall()]
    except (TookTooLong, ProgrammingError):  # the database has no pg_trgm
        return []


def words_like(word: str, most: int = 2) -> list[str]:
    """Words of names, tags, tasks and base models that are spelled nearly like ``word``."""
    folded = word.casefold()[:_MOST_LETTERS]
    known: dict[str, int] = kept("spelled words", _spelled_words)
    found = difflib.get_close_matches(folded, _alike(folded, known), n=most * 2, cutoff=_NEAR)
    found.sort(key=lambda one: (-round(difflib.SequenceMatcher(None, folded, one).ratio(), 1), -known[one]))
    return [one for one in found if one != folded][:most]


def _forms(forms: tuple[str, ...]) -> list[str]:
    """A value may be typed without what stands before its slash."""
    return [*forms, *(form.rpartition("/")[2] for form in forms if "/" in form)]


def _alike(word: str, known: dict[str, str] | dict[str, int]) -> list[str]:
    """Those that are worth comparing letter by letter: of about the same length, beginning or ending alike."""
    return [
        one
        for one in known
        if abs(len(one) - len(word)) <= 2 and (one[:1] == word[:1] or one[-2:] == word[-2:] or one[1:2] == word[:1])
    ]


def _spelled_words() -> dict[str, int]:
    """Every word with how often it was seen."""
    counted: Counter[str] = Counter()
    for field in _SPELLED_FIELDS:
        for known in known_words(field):
            for form in known.forms:
                counted.update(dict.fromkeys(_WORD.findall(form), known.count))
    seen = SearchEntry.objects.filter(is_public=True, is_derived=False).order_by("-downloads", "-id")
    for full_name, summary in seen.values_list("full_name", "summary")[:_NAMED_ENTRIES]:
        counted.update(set(_WORD.findall(f"{full_name} {summary}".casefold())))
    return {word: count for word, count in counted.items() if count}
