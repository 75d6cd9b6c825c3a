"""A query as conditions on the columns of an entry, each a ``Q``."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Exists, OuterRef, Q

from catalog.accounts.models import Namespace
from catalog.accounts.querysets import Actor
from catalog.bases.models import BaseModel
from catalog.bases.queries import find_base
from catalog.errors import InvalidInput
from catalog.evaluations.models import EvaluationSet
from catalog.names import fold
from catalog.search.fitting import digests_that_fit
from catalog.search.models import LABEL_SIGNS, EntryScore
from catalog.search.query import ANY_OF, MARKS, NUMBER_FILTERS, WORD_FILTERS, SearchQuery
from catalog.taxonomy.domains import find_domain
from catalog.taxonomy.tasks import canonical_task

NOTHING = Q(pk__in=[])
_MARKS = {
    "measured": Q(best_score__isnull=False),
    "elsewhere": Q(adapter__isnull=True),
    "derived": Q(is_derived=True),
    "private": Q(is_public=False),
}
_RANGED = {"rank": "rank", "size": "size_bytes", "gain": "gain"}


def conditions(query: SearchQuery, viewer: Actor) -> list[Q]:
    """Everything that an entry must be to be found; all must hold. Raises InvalidInput for what nobody knows."""
    found = [_word(word) for word in query.text.casefold().split()]
    found += [_phrase(phrase) for phrase in query.phrases]
    found += [any_of(name, value) for name in WORD_FILTERS if (value := getattr(query, name))]
    found += [_range(name, *_bounds(query, name)) for name in _RANGED if _bounds(query, name) != (None, None)]
    if query.score_set or _bounds(query, "score") != (None, None):
        found.append(_score(query, viewer))
    if query.fits:
        found.append(_fits(query.fits))
    found += [_mark(mark) for mark in query.marks]
    return [*found, *_more(query)]


def any_of(name: str, values: str) -> Q:
    """One of the values of a word filter."""
    make, found = _WORDS[name], NOTHING
    for value in values.split(ANY_OF):
        if value.strip():
            found |= make(value.strip())
    return found


def scored_on(full_name: str, viewer: Actor) -> EvaluationSet:
    """The evaluation set of a sorting or filter. Raises InvalidInput where ``viewer`` sees none of that name."""
    found = EvaluationSet.objects.visible_to(viewer).named(full_name).first()
    if found is None:
        raise InvalidInput(
            detail=f"no evaluation set {full_name[:200]!r}", field="score", hint="/evaluation-sets/ shows all."
        )
    return found


def _more(query: SearchQuery) -> Iterator[Q]:
    for term in query.more:
        if term.name in NUMBER_FILTERS:
            low, _, high = term.value.partition("..")
            name = "best_score" if term.name == "score" else _RANGED[term.name]
            found = _between(name, float(low) if low else None, float(high) if high else None)
        elif term.name in _WORDS:
            found = any_of(term.name, term.value)
        else:
            found = _OTHERS[term.name](term.value)
        yield ~found if term.is_negated else found


def _bounds(query: SearchQuery, name: str) -> tuple[Any, Any]:
    return getattr(query, f"{name}_min"), getattr(query, f"{name}_max")


def _range(name: str, low: Any, high: Any) -> Q:
    return _between(_RANGED[name], low, high)


def _between(column: str, low: Any, high: Any) -> Q:
    found = Q(**{f"{column}__isnull": False})
    if low is not None:
        found &= Q(**{f"{column}__gte": low})
    if high is not None:
        found &= Q(**{f"{column}__lte": high})
    return found


def _score(query: SearchQuery, viewer: Actor) -> Q:
    low, high = _bounds(query, "score")
    if not query.score_set:
        return _between("best_score", low, high)
    scores = EntryScore.objects.filter(
        _between("score", low, high), entry=OuterRef("pk"), evaluation_set=scored_on(query.score_set, viewer)
    )
    return Q(Exists(scores))


def _fits(reference: str) -> Q:
    base = find_base(reference)
    if base is None:
        return NOTHING
    return Q(base_model=base, adapter__isnull=False) | Q(shape_digest__in=digests_that_fit(base))


def _mark(mark: str) -> Q:
    if mark not in _MARKS:
        raise InvalidInput(detail=f"nothing is {mark[:40]!r}", field="is", hint=f"One of {', '.join(MARKS)}.")
    return _MARKS[mark]


# Ids and not joins: only so the database knows that one index has the rows in the order of the page.
def _base(value: str) -> Q:
    base = find_base(value)
    same = BaseModel.objects.filter(folded=base.folded).values_list("pk", flat=True) if base else ()
    return Q(base_model__in=list(same))


def _namespace(value: str) -> Q:
    return Q(namespace__in=list(Namespace.objects.filter(folded=fold(value)).values_list("pk", flat=True)))


def _word(value: str) -> Q:
    return Q(words__text__contains=value.casefold())


def _phrase(value: str) -> Q:
    return Q(words__text__contains=" ".join(value.casefold().split()))


def _label(kind: str) -> Callable[[str], Q]:
    return lambda value: Q(words__labels__contains=f" {LABEL_SIGNS[kind]}{value.casefold()} ")


def _equal(column: str) -> Callable[[str], Q]:
    return lambda value: Q(**{column: value.casefold()})


def _domain(value: str) -> Q:
    known = find_domain(value)
    return Q(domain=known.id if known else value.casefold())


_WORDS: dict[str, Callable[[str], Q]] = {
    "base": _base,
    "architecture": _equal("architecture"),
    "method": _equal("method"),
    "task": lambda value: Q(task=canonical_task(value)),
    "language": _label("language"),
    "license": lambda value: Q(license__iexact=value),
    "tag": _label("tag"),
    "namespace": _namespace,
    "domain": _domain,
    "modality": _equal("modality"),
}
_OTHERS: dict[str, Callable[[str], Q]] = {"text": _word, "phrase": _phrase, "fits": _fits, "is": _mark}
