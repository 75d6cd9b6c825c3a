"""A query as conditions on the columns of an entry; its words, tags and languages only the index knows."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, Q

from catalog.accounts.models import Namespace
from catalog.accounts.querysets import Actor
from catalog.bases.queries import bases_meant, find_base
from catalog.errors import InvalidInput
from catalog.evaluations.models import EvaluationSet
from catalog.names import fold
from catalog.search.fitting import digests_that_fit
from catalog.search.models import EntryScore
from catalog.search.query import MARKS, NUMBER_FILTERS, SearchQuery
from catalog.search.terms import INDEXED_ONLY, each_of
from catalog.taxonomy.tasks import with_kinds

NOTHING = Q(pk__in=[])
COLUMNS = {
    "base": "base_model",
    "architecture": "architecture",
    "method": "method",
    "task": "task",
    "license": "license",
    "namespace": "namespace",
    "modality": "modality",
}
"""Word filters that a column answers, and the index by their labels."""
BY_COLUMN = (*COLUMNS, "fits")
_MARKS = {
    "measured": Q(best_score__isnull=False),
    "elsewhere": Q(adapter__isnull=True),
    "derived": Q(is_derived=True),
    "private": Q(is_public=False),
}
_RANGED = {"rank": "rank", "size": "size_bytes", "gain": "gain"}


def values_of(name: str, values: str) -> list[Any]:
    """What a column holds for the values of a word filter: ids of base models and namespaces, else folded words.

    Of a base model that must be fit they are the digests of all shapes that fit it. A task stands for its kinds too:
    ``token-classification`` finds what names ``ner``.
    """
    if name == "base":
        return [pk for value in each_of(values) for pk in bases_meant(value)]
    if name == "namespace":
        folded = [fold(value) for value in each_of(values)]
        return list(Namespace.objects.filter(folded__in=folded).values_list("pk", flat=True))
    if name == "fits":
        base = find_base(values)
        return digests_that_fit(base) if base else []
    if name == "task":
        return list(dict.fromkeys(kind for value in each_of(values) for kind in with_kinds(value)))
    return [value.casefold() for value in each_of(values)]


def one_of(name: str, values: list[Any]) -> Q:
    """The condition that a column holds one of ``values``, as :func:`values_of` gives them."""
    if name == "license":
        found = NOTHING
        for value in values:
            found |= Q(license__iexact=value)
        return found
    # Ids and not joins: only so the database knows that one index has the rows in the order of the page.
    column = "shape_digest" if name == "fits" else COLUMNS[name]
    return Q(**{column: values[0]}) if len(values) == 1 else Q(**{f"{column}__in": values})


def other_conditions(query: SearchQuery, viewer: Actor) -> list[Q]:
    """Everything but the word filters that a column answers. Raises InvalidInput for what nobody knows."""
    found = [_between(_RANGED[name], *_bounds(query, name)) for name in _RANGED if _bounds(query, name) != (None, None)]
    if query.score_set or _bounds(query, "score") != (None, None):
        found.append(_score(query, viewer))
    return [*found, *(_mark(mark) for mark in query.marks), *_more(query)]


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
        if term.name in INDEXED_ONLY or term.name in BY_COLUMN:
            continue
        if term.name in NUMBER_FILTERS:
            low, _, high = term.value.partition("..")
            column = _RANGED.get(term.name, "best_score")
            found = _between(column, float(low) if low else None, float(high) if high else None)
        else:
            found = _mark(term.value)
        yield ~found if term.is_negated else found


def _bounds(query: SearchQuery, name: str) -> tuple[Any, Any]:
    return getattr(query, f"{name}_min"), getattr(query, f"{name}_max")


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


def _mark(mark: str) -> Q:
    if mark not in _MARKS:
        raise InvalidInput(detail=f"nothing is {mark[:40]!r}", field="is", hint=f"One of {', '.join(MARKS)}.")
    return _MARKS[mark]
