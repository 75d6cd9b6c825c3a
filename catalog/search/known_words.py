"""Words that filters know: values of the entries that everybody sees, with how many, and what people call them.

Kept in memory for a minute: a few thousand words, asked for with every letter that somebody types.
"""

import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.db.models import Count

from catalog.bases.models import BaseModel
from catalog.search.models import FacetCount, SearchEntry
from catalog.search.totals import count_domains, is_large
from catalog.taxonomy.domains import all_domains, all_modalities
from catalog.taxonomy.languages import all_languages, own_name
from catalog.taxonomy.methods import all_methods
from catalog.taxonomy.tasks import all_tasks

_MOST_VALUES = 5_000
_COLUMNS = {
    "base": "base_model__name",
    "architecture": "architecture",
    "method": "method",
    "task": "task",
    "language": "languages",
    "license": "license",
    "modality": "modality",
    "tag": "tags",
}
_LISTS = frozenset({"language", "tag"})
_SECONDS = 60
_PART = re.compile(r"[/_. -](?=.)")
T = TypeVar("T")
_kept: dict[str, tuple[float, Any]] = {}


@dataclass(frozen=True)
class KnownWord:
    """One value: ``says`` is what it is called, ``forms`` are the folded words that it may be typed as."""

    value: str
    says: str
    count: int
    forms: tuple[str, ...]


class Vocabulary:
    """The words of one filter, and which of them begin with some letters, found without comparing them all."""

    def __init__(self, words: list[KnownWord]) -> None:
        self.words = words
        self._starts = sorted(
            (start, rank, place) for place, word in enumerate(words) for start, rank in _starts_of(word)
        )

    def begun(self, prefix: str) -> list[tuple[int, KnownWord]]:
        """Words and their ranks: 0 where the value begins with it, 1 where a part of it does, 2 where a name does."""
        ranks: dict[int, int] = {}
        for at in range(bisect_left(self._starts, (prefix,)), len(self._starts)):
            start, rank, place = self._starts[at]
            if not start.startswith(prefix):
                break
            ranks[place] = min(rank, ranks.get(place, rank))
        return [(rank, self.words[place]) for place, rank in ranks.items()]


def _starts_of(word: KnownWord) -> Iterator[tuple[str, int]]:
    value, *others = word.forms
    yield value, 0
    yield from ((value[found.end() :], 1) for found in _PART.finditer(value))
    yield from ((other, 2) for other in others)


def begun_with(field: str, prefix: str) -> list[tuple[int, KnownWord]]:
    """The known words of a filter that begin with ``prefix``, or are called so; see :meth:`Vocabulary.begun`."""
    vocabulary = kept(f"begun {field}", lambda: Vocabulary(known_words(field)))
    return vocabulary.begun(prefix)


def known_words(field: str) -> list[KnownWord]:
    """Every value of a filter, the most frequent first; those without an adapter come last."""
    return kept(field, lambda: _read(field))


def kept(name: str, read: Callable[[], T]) -> T:
    """What ``read`` gave at most a minute ago. One for each process: words that everybody may see, and no rows."""
    until, found = _kept.get(name, (0.0, None))
    if until <= time.monotonic():
        found = read()
        _kept[name] = (time.monotonic() + _SECONDS, found)
    return cast(T, found)


def forget() -> None:
    """Read everything again when it is asked for."""
    _kept.clear()


def _read(field: str) -> list[KnownWord]:
    counts = _counts(field)
    named = {word.value: word for word in _NAMED.get(field, lambda: ())()}
    values = [*counts, *(value for value in named if value not in counts)]
    return [
        KnownWord(value, named[value].says, counts.get(value, 0), named[value].forms)
        if value in named
        else KnownWord(value, "", counts[value], (value.casefold(),))
        for value in values
    ]


def _counts(field: str) -> dict[str, int]:
    """How many entries that everybody sees carry each value, most frequent first; of very many values some."""
    if is_large():
        kept = FacetCount.objects.filter(facet=field).order_by("-count", "value")
        return dict(kept.values_list("value", "count")[:_MOST_VALUES])
    if field == "domain":
        return _sorted(count_domains())
    column = _COLUMNS[field]
    seen = SearchEntry.objects.filter(is_public=True, is_derived=False).exclude(**{column: ""})
    if field in _LISTS:
        counted = Counter(word for words in seen.values_list(column, flat=True) for word in words.split())
    else:
        rows = seen.exclude(**{column: None}).order_by().values_list(column).annotate(number=Count("pk"))
        counted = Counter(dict(rows))
    return _sorted(counted)


def _sorted(counted: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda row: (-row[1], row[0])))


def _word(value: str, says: str = "", also: Iterable[str] = ()) -> KnownWord:
    forms = dict.fromkeys(form.casefold() for form in (value, says, *says.split(), *also) if form)
    return KnownWord(value, says, 0, tuple(forms))


def _bases() -> list[KnownWord]:
    found: dict[str, list[str]] = {}
    for name, alias in BaseModel.objects.values_list("name", "aliases__name"):
        found.setdefault(name, []).extend([alias] if alias else [])
    return [_word(name, also=aliases) for name, aliases in found.items()]


def _methods() -> list[KnownWord]:
    return [_word(row.id, row.label, row.aliases) for row in all_methods()]


def _tasks() -> list[KnownWord]:
    return [_word(row.id, row.label, row.aliases) for row in all_tasks()]


def _domains() -> list[KnownWord]:
    return [_word(row.id, row.label, row.aliases) for row in all_domains()]


def _modalities() -> list[KnownWord]:
    return [_word(row.id, row.label, row.aliases) for row in all_modalities()]


def _languages() -> list[KnownWord]:
    return [_word(tag, name, [own_name(tag)]) for tag, name in all_languages().items()]


_NAMED: dict[str, Callable[[], Iterable[KnownWord]]] = {
    "base": _bases,
    "method": _methods,
    "task": _tasks,
    "domain": _domains,
    "modality": _modalities,
    "language": _languages,
}
