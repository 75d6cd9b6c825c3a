"""Which entries a query finds: by the columns, by the word index, or by both, whichever the database does quickly.

What is rare is collected from the index, whole; what is frequent is met soon by walking the entries in the order of the
page. Only the index says which of the two it is, so it is asked first, and no further than a limit.
"""

import json
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, Exists, F, OuterRef, Q, QuerySet, Subquery

from catalog.access.querysets import granted, origins_seen
from catalog.accounts.querysets import Actor, visible_through
from catalog.counting import bounded, remembered
from catalog.search.conditions import COLUMNS, one_of, other_conditions, values_of
from catalog.search.fields import Among, Match
from catalog.search.floors import Floor, floors
from catalog.search.models import SearchEntry, SearchTerms
from catalog.search.query import SearchQuery
from catalog.search.terms import Atom, Terms, needed
from catalog.search.tokens import label
from catalog.search.totals import counted_before

MOST_HITS = 10_000
"""So many are collected: counts and facets are exact up to here."""
BY_DOWNLOADS, BY_DATE = ("-downloads", "-pk"), ("-published_at", "-pk")
_MARGIN = 1.2


def seen_by(viewer: Actor, path: str = "") -> list[Q]:
    """Who may see an entry; ``path`` leads to it."""
    public = Q(**{f"{path}is_public": True}) | granted(viewer, f"{path}adapter_id")
    return [
        visible_through(viewer, f"{path}namespace", public),
        origins_seen(viewer, f"{path}revision_id", is_derived=f"{path}is_derived"),
    ]


class Hits:
    """What ``query`` finds of what ``viewer`` may see. Raises InvalidInput when made, for what nobody knows."""

    def __init__(self, query: SearchQuery, viewer: Actor) -> None:
        self.query, self.viewer = query, viewer
        self.terms = needed(query)
        values = {name: values_of(name, value) for name in COLUMNS if (value := getattr(query, name))}
        self.is_empty = not all(values.values())
        self._columns = [one_of(name, found) for name, found in values.items() if found]
        self._is_unordered = any(len(found) > 1 for found in values.values())
        self._others = other_conditions(query, viewer)
        labels = [tuple(Atom((label(name, value),)) for value in found) for name, found in values.items()]
        self._narrow = Terms((*self.terms.required, *labels), self.terms.excluded)
        # On PostgreSQL a row of the index has all that is asked of an entry.
        self.is_rich = connection.vendor == "postgresql"

    @property
    def order(self) -> tuple[str, ...]:
        """In which order PostgreSQL gives :attr:`found`."""
        return BY_DATE if self.query.sort == "newest" else BY_DOWNLOADS

    @cached_property
    def found(self) -> list[int] | None:
        """Ids of all entries that the index knows, or None: too many, or no question for it. Columns decide further."""
        if self.is_empty:
            return []
        if not (self.is_indexed and self._is_for_index):
            return None
        # That there are too many is believed for a minute: the facets of a page need not ask again.
        key = ("hits", replace(self.query, sort=""), self.viewer.pk)
        return remembered(key, self._collect, lambda ids: ids is None)

    @cached_property
    def _is_for_index(self) -> bool:
        """Not what one column decides: an index of that column has it in the order of the downloads."""
        if self.terms.required or len(self._columns) > 1:
            return True
        if self.is_rich and self.query.modality:
            return True
        return self.is_rich and self.order == BY_DATE and not self._has_many(MOST_HITS)

    @property
    def is_indexed(self) -> bool:
        """Whether there is anything that the index can be asked."""
        return bool(self._narrow.required)

    def _collect(self) -> list[int] | None:
        rows = self.in_index()
        if self.is_rich:
            if self.floor.weight:
                return None
            if self.floor.entries > _MARGIN * MOST_HITS and bounded(rows, MOST_HITS) > MOST_HITS:
                return None
            rows = rows.order_by(*self.order)
        ids = ids_of(rows, MOST_HITS + 1)
        return ids if len(ids) <= MOST_HITS else None

    @cached_property
    def floor(self) -> Floor:
        """On PostgreSQL, above which there are more than ``MOST_HITS``, and about how many of these there may be."""
        key = ("floor", replace(self.query, sort=""), self.viewer.pk)
        return remembered(key, self._find_floor, lambda floor: floor.weight > 0)

    def _find_floor(self) -> Floor:
        """What is frequent above one floor is so above the next."""
        share = 1.0
        *above, bottom = floors()
        for floor in above:
            if share * floor.entries > _MARGIN * MOST_HITS:
                count = bounded(self.in_index().filter(weight__gte=floor.weight), MOST_HITS)
                if count > MOST_HITS:
                    return Floor(floor.weight, count)
                share = count / floor.entries
        return Floor(bottom.weight, int(share * bottom.entries))

    def in_index(self) -> QuerySet[SearchTerms]:
        """Rows of the word index, for what only it knows and for the filters that it knows too."""
        if self.is_rich:
            decided = [*seen_by(self.viewer), *self._columns, *self._others]
            return SearchTerms.objects.filter(*decided, terms__match=self._narrow)
        return SearchTerms.objects.filter(*seen_by(self.viewer, "entry__"), terms__match=self._narrow)

    def most_downloaded(self) -> QuerySet[SearchTerms]:
        """Rows of the word index in the order of downloads, ``MOST_HITS`` of them or all."""
        if not self.is_rich:
            return self.in_index().order_by("-entry__downloads", "-pk")
        rows = self.in_index().order_by(*BY_DOWNLOADS)
        return rows.filter(weight__gte=self.floor.weight) if self.floor.weight else rows

    def entries(self) -> QuerySet[SearchEntry]:
        """The entries, in any order; walk them where :attr:`found` is None."""
        if self.found is None:
            return self._walked()
        return self.by_columns().filter(Among("pk", self.found)) if self.found else SearchEntry.objects.none()

    def matching(self) -> QuerySet[SearchEntry]:
        """The same as one lazy question, in whatever way the database chooses."""
        if self.is_empty:
            return SearchEntry.objects.none()
        if not self.terms.required:
            return self._walked()
        return self.by_columns().filter(pk__in=self.in_index().values("pk"))

    def count(self, most: int) -> int:
        """How many there are, and no further than one more than ``most``, which is not above ``MOST_HITS``."""
        if self.found is not None and self.is_rich:
            return min(len(self.found), most + 1)
        if self.found is None and self.is_indexed and self._is_for_index and (self.is_rich or not self._others):
            return most + 1
        if not self.terms and not self._others and self._has_many(most):
            return most + 1
        # An index of the column has all that counting it asks, but for a licence, which it has in capitals.
        is_covered = not self._others and not self.query.license
        if self.is_rich and self.is_indexed and not is_covered:
            return bounded(self.in_index(), most)
        return bounded(self.entries(), most)

    def _has_many(self, most: int) -> bool:
        """Whether the only filter, or none, was counted before to have more than so many that everybody sees."""
        asked = [(name, getattr(self.query, name)) for name in COLUMNS if getattr(self.query, name)]
        return len(asked) <= 1 and counted_before(*(asked[0] if asked else ("", ""))) > most

    def by_columns(self) -> QuerySet[SearchEntry]:
        """What the columns alone decide."""
        return SearchEntry.objects.filter(*seen_by(self.viewer), *self._columns, *self._others)

    def _walked(self) -> QuerySet[SearchEntry]:
        if self._is_unordered and not self.is_rich and self.terms.required:
            # No index has them in the order of the page: SQLite would ask about every one of them.
            return self.by_columns().filter(pk__in=SearchTerms.objects.filter(terms__match=self._narrow).values("pk"))
        return self.by_columns().filter(_row_has(self.terms)) if self.terms else self.by_columns()


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


def ids_of(rows: QuerySet[Any, Any], most: int) -> list[int]:
    """Primary keys of the first ``most``, as one value: thousands of rows would cost more than finding them."""
    try:
        sql, parameters = rows.annotate(hit=F("pk")).values_list("hit")[:most].query.sql_with_params()
    except EmptyResultSet:
        return []
    is_sqlite = connection.vendor == "sqlite"
    whole = f"SELECT json_group_array(hit) FROM ({sql})" if is_sqlite else f"SELECT ARRAY({sql})"
    with connection.cursor() as cursor:
        cursor.execute(whole, parameters)
        found = cursor.fetchall()[0][0]
    return list(json.loads(found)) if is_sqlite else list(found)
