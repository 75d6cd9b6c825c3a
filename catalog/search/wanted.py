"""What an entry must have to be found, as conditions; and its form, which many questions share with other values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Exists, F, OuterRef, Q, QuerySet, Subquery

from catalog.access.querysets import granted, origins_seen
from catalog.accounts.querysets import Actor, visible_through
from catalog.accounts.viewers import kind_of, viewer_like
from catalog.compiled import StandIns
from catalog.search.conditions import BY_COLUMN, COLUMNS, one_of, other_conditions, values_of
from catalog.search.fields import Match
from catalog.search.models import SearchEntry, SearchTerms
from catalog.search.query import SearchQuery, Term
from catalog.search.terms import INDEXED_ONLY, Terms, Written

_MOST_VALUES = 8
_BOUNDS = ("rank_min", "rank_max", "size_min", "size_max", "gain_min", "gain_max")
_NUMBERED = ("base", "namespace")
# A filter, its values, and whether none of them may be there.
Column = tuple[str, Sequence[Any], bool]


def seen_by(viewer: Actor, path: str = "") -> list[Q]:
    """Who may see an entry; ``path`` leads to it."""
    public = Q(**{f"{path}is_public": True}) | granted(viewer, f"{path}adapter_id")
    return [
        visible_through(viewer, f"{path}namespace", public),
        origins_seen(viewer, f"{path}revision_id", is_derived=f"{path}is_derived"),
    ]


@dataclass(frozen=True)
class Wanted:
    """Whose question it is, the conditions on columns, the words, and the words with what labels say of columns."""

    viewer: Actor
    conditions: list[Q]
    terms: Terms
    narrow: Terms

    def in_index(self) -> QuerySet[SearchTerms]:
        """Rows of the word index; on PostgreSQL, whose rows have the columns too, all that is wanted."""
        if connection.vendor == "postgresql":
            return SearchTerms.objects.filter(*seen_by(self.viewer), *self.conditions, terms__match=self.narrow)
        return SearchTerms.objects.filter(*seen_by(self.viewer, "entry__"), terms__match=self.narrow)

    def by_columns(self) -> QuerySet[SearchEntry]:
        """What the columns alone decide."""
        return SearchEntry.objects.filter(*seen_by(self.viewer), *self.conditions)

    def walked(self) -> QuerySet[SearchEntry]:
        """All that is wanted, the words asked of one row after the other."""
        return self.by_columns().filter(_row_has(self.terms)) if self.terms else self.by_columns()


@dataclass(frozen=True)
class Form:
    """What is wanted, without the values."""

    kind: str
    columns: tuple[tuple[str, int, bool], ...]
    bounds: tuple[str, ...]
    marks: tuple[str, ...]
    has_terms: bool

    def wanted(self, stand_ins: StandIns, *, is_in_index: bool) -> Wanted:
        """The same of stand-ins, for a statement that asks the index or else the entries."""
        columns: list[Column] = [
            (name, [_stand_in(stand_ins, name, place, n) for n in range(number)], is_negated)
            for place, (name, number, is_negated) in enumerate(self.columns)
        ]
        bounds: dict[str, Any] = {name: _bound(stand_ins, name) for name in self.bounds}
        viewer = viewer_like(self.kind, stand_ins)
        others = other_conditions(SearchQuery(marks=self.marks, **bounds), viewer)
        terms = Written(text=stand_ins.text("terms")) if self.has_terms and not is_in_index else Terms()
        narrow = Written(text=stand_ins.text("narrow")) if is_in_index else Terms()
        return Wanted(viewer, [*map(condition, columns), *others], terms, narrow)


def columns_asked(query: SearchQuery) -> tuple[list[Column], list[Column]]:
    """What columns answer, with the values: filters of the query that have labels in the index, and what is beside."""
    own: list[Column] = [(name, values_of(name, value), False) for name in COLUMNS if (value := getattr(query, name))]
    more = [Term("fits", query.fits)] if query.fits else []
    more += [term for term in query.more if term.name in BY_COLUMN]
    return own, [(term.name, values_of(term.name, term.value), term.is_negated) for term in more]


def form_of(query: SearchQuery, columns: list[Column], wanted: Wanted) -> tuple[Form, dict[str, Any]] | None:
    """The form and the values, or None: such questions are too rare, or of too many values, to keep their SQL."""
    is_rich = connection.vendor == "postgresql"
    if query.score_set or query.score_min is not None or query.score_max is not None:
        return None
    if any(term.name not in BY_COLUMN and term.name not in INDEXED_ONLY for term in query.more):
        return None
    if sum(len(found) for _, found, _ in columns) > _MOST_VALUES or not all(found for _, found, _ in columns):
        return None
    if wanted.terms and not is_rich:
        return None
    bounds = tuple(name for name in _BOUNDS if getattr(query, name) is not None)
    shapes = tuple((name, len(found), is_negated) for name, found, is_negated in columns)
    values: dict[str, Any] = {"viewer": wanted.viewer.pk, **{name: getattr(query, name) for name in bounds}}
    for place, (name, found, _) in enumerate(columns):
        values |= {_named(name, place, n): _escaped(name, value) for n, value in enumerate(found)}
    if is_rich:
        values |= {"terms": wanted.terms.on_postgresql(), "narrow": wanted.narrow.on_postgresql()}
    return Form(kind_of(wanted.viewer), shapes, bounds, tuple(sorted(query.marks)), bool(wanted.terms)), values


def condition(column: Column) -> Q:
    """That the column holds one of its values, or none of them."""
    name, values, is_negated = column
    found = one_of(name, list(values))
    return ~found if is_negated else found


def _named(name: str, place: int, number: int) -> str:
    return f"{name}-{place}-{number}"


def _stand_in(stand_ins: StandIns, name: str, place: int, number: int) -> Any:
    named = _named(name, place, number)
    return stand_ins.number(named) if name in _NUMBERED else stand_ins.text(named)


def _bound(stand_ins: StandIns, name: str) -> Any:
    if name.startswith("gain"):
        return stand_ins.fraction(name)
    return stand_ins.number(name, is_small=name.startswith("rank"))


def _escaped(name: str, value: Any) -> Any:
    # As Django does for ``iexact``.
    return connection.ops.prep_for_iexact_query(value) if name == "license" else value


def _row_has(terms: Terms) -> Q:
    """The condition, asked of one row after the other."""
    row = SearchTerms.objects.filter(entry=OuterRef("pk"))
    if connection.vendor == "postgresql":
        # No EXISTS: the planner would turn it into a join and collect every hit.
        matches = row.annotate(does_match=Match(F("terms"), terms)).values("does_match")
        return Q(Subquery(matches, output_field=BooleanField()))
    found = Q()
    if terms.required:
        found &= Q(Exists(row.filter(terms__match=Terms(terms.required))))
    for atom in terms.excluded:
        found &= ~Q(Exists(row.filter(terms__match=Terms(((atom,),)))))
    return found
