"""Which entries a query finds: by the columns, by the word index, or by both, whichever the database does quickly.

What is rare is collected from the index, whole; what is frequent is met soon by walking the entries in the order of the
page, or by reading the index above a floor of downloads. Only the index says which of the two it is, so it is asked
first, and no further than a limit.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from math import sqrt

from django.db import connection
from django.db.models import F, QuerySet

from catalog.accounts.querysets import Actor
from catalog.counting import bounded, remembered
from catalog.search.conditions import other_conditions
from catalog.search.fields import Among
from catalog.search.floors import Floor, floors
from catalog.search.models import SearchEntry, SearchTerms
from catalog.search.query import SearchQuery
from catalog.search.questions import Asking, ids_of
from catalog.search.samples import sample
from catalog.search.terms import Atom, Terms, needed
from catalog.search.tokens import label
from catalog.search.totals import counted_before
from catalog.search.wanted import Wanted, columns_asked, condition, form_of

MOST_HITS = 10_000
"""So many are collected: counts and facets are exact up to here."""
BY_DOWNLOADS, BY_DATE = ("-downloads", "-pk"), ("-published_at", "-pk")
# Above a floor are a little more or fewer than their share; on SQLite not everybody may see all that are counted.
_MARGIN, _MARGIN_OF_HIDDEN = 1.05, 1.25
_OFTEN = 0.1
# Filters of which one index has both, in the order of downloads.
_TOGETHER = ({"base", "method"},)


class Hits:
    """What ``query`` finds of what ``viewer`` may see. Raises InvalidInput when made, for what nobody knows."""

    def __init__(self, query: SearchQuery, viewer: Actor) -> None:
        self.query, self.viewer = query, viewer
        # Ids of all that are found, in the order of downloads, once somebody has asked for them.
        self._all: list[int] | None = None
        # On PostgreSQL a row of the index has all that is asked of an entry.
        self.is_rich = connection.vendor == "postgresql"
        self.terms = needed(query)
        own, self._beside = columns_asked(query)
        self._filters = {name: values for name, values, _ in own}
        self.is_empty = not all(self._filters.values())
        labels = [tuple(Atom((label(name, value),)) for value in values) for name, values, _ in own]
        self._narrow = Terms((*self.terms.required, *labels), self.terms.excluded)
        self._others = other_conditions(query, viewer)
        columns = [*own, *self._beside]
        self.wanted = Wanted(viewer, [*map(condition, columns), *self._others], self.terms, self._narrow)
        self.asking = Asking(self.wanted, form_of(query, columns, self.wanted))

    @property
    def order(self) -> tuple[str, ...]:
        """In which order PostgreSQL gives :attr:`first`."""
        return BY_DATE if self.query.sort == "newest" else BY_DOWNLOADS

    @property
    def is_indexed(self) -> bool:
        """Whether there is anything that the index can be asked."""
        return bool(self._narrow.required)

    @property
    def is_by_index(self) -> bool:
        """Whether PostgreSQL's index has the entries in the order of downloads, each with all that is asked of it."""
        return self.is_rich and self._is_collected and self.order == BY_DOWNLOADS and not self.is_empty

    @cached_property
    def found(self) -> list[int] | None:
        """Ids of all that is found, in the order of the page, or None: too many, or no question for the index."""
        if self.is_empty:
            return []
        if not self._is_collected:
            return None
        if self.is_rich:
            return self.first if self.first is not None and len(self.first) <= MOST_HITS else None
        # That there are too many is believed for a minute: the facets of a page need not ask again.
        return remembered(self._key("hits"), self._collect, lambda ids: ids is None)

    @cached_property
    def first(self) -> list[int] | None:
        """Ids in the order of the page, of all or on PostgreSQL of the first ``MOST_HITS + 1``. None: walk."""
        if not (self.is_rich and self._is_collected) or self.is_empty:
            return self.found
        return self._newest() if self.order == BY_DATE else self._most_downloaded()

    def most_downloaded_ids(self, most: int) -> list[int]:
        """Ids of so many, on PostgreSQL; read above the highest floor that has them."""
        if self._all is not None or self._is_slow:
            return self._most_downloaded()[:most]
        share = 1.0
        *above, bottom = floors()
        for floor in above:
            if share * floor.entries >= most:
                ids = self.asking.ids(BY_DOWNLOADS, most, is_in_index=True, weight=floor.weight)
                if len(ids) == most:
                    return ids
                share = len(ids) / floor.entries
        if share * bottom.entries * _MARGIN > MOST_HITS:
            return self.asking.ids(BY_DOWNLOADS, most, is_in_index=True)
        # So few that counting them takes as long as having them all.
        self._all = self.asking.ids(BY_DOWNLOADS, MOST_HITS + 1, is_in_index=True)
        return self._all[:most]

    @cached_property
    def floor(self) -> Floor:
        """On PostgreSQL, above which there are more than ``MOST_HITS``, and about how many of these there may be."""

        def count(weight: int) -> int:
            return self.asking.count(MOST_HITS, is_in_index=True, weight=weight)

        # Any is believed for a minute: one that is too low only takes longer.
        return remembered(self._key("floor"), lambda: self._lowered(count), bool)

    def rows(self) -> QuerySet[SearchTerms]:
        """On PostgreSQL, where anything is indexed: rows of all, or of the ``MOST_HITS + 1`` most downloaded."""
        if not self._is_collected and self._is_covered and self._is_walkable and not (self.terms or self.is_empty):
            ids = self.asking.ids(BY_DOWNLOADS, MOST_HITS + 1, is_in_index=False)
            return SearchTerms.objects.filter(Among("pk", ids)).order_by(*BY_DOWNLOADS)
        if self._is_slow:
            return SearchTerms.objects.filter(Among("pk", self._most_downloaded())).order_by(*BY_DOWNLOADS)
        rows = self.wanted.in_index().order_by(*BY_DOWNLOADS)
        return rows.filter(weight__gte=self.floor.weight) if self.floor.weight else rows

    def popular(self, most: int) -> list[int]:
        """On SQLite, of what has words or labels: ids of the ``most`` most downloaded."""
        hits = SearchTerms.objects.filter(terms__match=self._narrow)
        entries = self.wanted.by_columns().order_by(*BY_DOWNLOADS)
        share = self.share
        within = int((_MARGIN_OF_HIDDEN * most + 3 * sqrt(most)) / share) if share else 0
        # To look a hit up costs SQLite as much as three that it reads to have them sorted by downloads.
        if 0 < within < 3 * share * counted_before("", ""):
            # A sum, so that SQLite reads the hits and looks each up, and not the other way round.
            among = SearchEntry.objects.order_by(*BY_DOWNLOADS).values("pk")[:within]
            near = hits.alias(place=F("pk") + 0).filter(place__in=among)
            ids = ids_of(entries.filter(pk__in=near.values("pk")), most)
            if len(ids) == most:
                return ids
        return ids_of(entries.filter(pk__in=hits.values("pk")), most)

    @property
    def is_seldom_met(self) -> bool:
        """On SQLite: whether whoever walks the entries meets few, so that a page is sooner read from the index."""
        return not self.is_rich and self._is_collected and self.share < _OFTEN

    @cached_property
    def share(self) -> float:
        """On SQLite: which share of all entries has the words and labels, which FTS5 counts quickly."""
        hits = SearchTerms.objects.filter(terms__match=self._narrow)
        return remembered(self._key("share"), lambda: hits.count() / max(counted_before("", ""), 1), bool)

    def entries(self) -> QuerySet[SearchEntry]:
        """The entries, in any order; walk them where :attr:`found` is None."""
        if self.found is None:
            return self._walked()
        return self.wanted.by_columns().filter(Among("pk", self.found)) if self.found else SearchEntry.objects.none()

    def matching(self) -> QuerySet[SearchEntry]:
        """The same as one lazy question, in whatever way the database chooses."""
        if self.is_empty:
            return SearchEntry.objects.none()
        if not self.terms.required:
            return self.wanted.walked()
        return self.wanted.by_columns().filter(pk__in=self.wanted.in_index().values("pk"))

    def count(self, most: int) -> int:
        """How many there are, and no further than one more than ``most``, which is not above ``MOST_HITS``."""
        if self.is_rich and self._is_collected:
            return self._count_collected(most)
        if self.found is not None:
            return min(len(self.found), most + 1)
        if self._is_collected and not self._has_others:
            return most + 1
        if not self.terms and not self._has_others and self._has_many(most):
            return most + 1
        if self.is_rich and self.is_indexed and not self._is_covered:
            return self.asking.count(most, is_in_index=True)
        return bounded(self.entries(), most) if self.terms else self.asking.count(most)

    def _count_collected(self, most: int) -> int:
        if self._all is None and self.order == BY_DOWNLOADS and not (self._is_slow or self.is_empty):
            return most + 1 if self.floor.weight else self.asking.count(most, is_in_index=True)
        return most + 1 if self.first is None else min(len(self.first), most + 1)

    @property
    def _is_slow(self) -> bool:
        """Whether each hit must be read to know that it is one: so it is read once and its id kept."""
        return any(len(atom.words) > 1 for group in self.terms.required for atom in group)

    @cached_property
    def _is_collected(self) -> bool:
        """Whether the index is asked: not for what one column decides, which has its own in the order of the page."""
        if not self.is_indexed:
            return False
        if self.terms.required:
            return True
        if len(self._filters) > 1:
            is_by_downloads = self.query.sort in ("", "downloads", "relevance")
            return not (is_by_downloads and set(self._filters) in _TOGETHER and self._is_walkable)
        if self.is_rich and self.query.modality:
            return True
        is_soon = self.is_rich or set(self._filters) == {"base"}
        return is_soon and self.order == BY_DATE and not self._has_many(MOST_HITS)

    @property
    def _has_others(self) -> bool:
        return bool(self._beside or self._others)

    @property
    def _is_walkable(self) -> bool:
        return not self._has_others and all(len(values) == 1 for values in self._filters.values())

    @property
    def _is_covered(self) -> bool:
        """Whether one index of the columns has all that counting asks; of licences it has the capitals."""
        if self.query.license or (len(self._filters) > 1 and set(self._filters) not in _TOGETHER):
            return False
        if set(self._filters) == {"base"}:
            has_rank = (self.query.rank_min, self.query.rank_max) != (None, None)
            return len(self._others) == has_rank and all(name == "method" for name, _, _ in self._beside)
        return not self._has_others

    @property
    def _is_dated(self) -> bool:
        """Whether the index of a base model's entries, which has their dates, says all that is asked."""
        return set(self._filters) == {"base"} and self._is_covered and not self.terms

    def _key(self, name: str) -> tuple[object, ...]:
        return name, replace(self.query, sort=""), self.viewer.pk

    def _collect(self) -> list[int] | None:
        if self._is_dated:
            return self._newest_of_base()
        hits = SearchTerms.objects.filter(terms__match=self._narrow)
        if bounded(hits, MOST_HITS) > MOST_HITS:
            return None
        return ids_of(self.wanted.by_columns().filter(pk__in=hits.values("pk")).order_by(*self.order), MOST_HITS)

    def _most_downloaded(self) -> list[int]:
        if self._all is None:
            self._all = sample(self._key("sample"), self._read_most_downloaded, MOST_HITS)
        return self._all

    def _read_most_downloaded(self) -> list[int]:
        read: dict[int, list[int]] = {}

        def ids(weight: int) -> list[int]:
            read[weight] = self.asking.ids(BY_DOWNLOADS, MOST_HITS + 1, is_in_index=True, weight=weight)
            return read[weight]

        floor = remembered(self._key("floor"), lambda: self._lowered(lambda weight: len(ids(weight))), bool)
        return read[floor.weight] if floor.weight in read else ids(floor.weight)

    def _newest(self) -> list[int] | None:
        if self._is_dated:
            return self._newest_of_base()
        if self.floor.weight:
            return None
        if self.floor.entries > MOST_HITS and self.asking.count(MOST_HITS, is_in_index=True) > MOST_HITS:
            return None
        ids = self.asking.ids(BY_DATE, MOST_HITS + 1, is_in_index=True)
        return ids if len(ids) <= MOST_HITS else None

    def _newest_of_base(self) -> list[int] | None:
        ids = self.asking.ids(BY_DATE, MOST_HITS + 1, is_in_index=False)
        return ids if len(ids) <= MOST_HITS else None

    def _lowered(self, count: Callable[[int], int]) -> Floor:
        """What is frequent above one floor is so above the next. ``count`` is of those above a weight."""
        share = 1.0
        *above, bottom = floors()
        for floor in above:
            if share * floor.entries > _MARGIN * MOST_HITS:
                number = count(floor.weight)
                if number > MOST_HITS:
                    return Floor(floor.weight, number)
                share = number / floor.entries
        return Floor(bottom.weight, int(share * bottom.entries))

    def _has_many(self, most: int) -> bool:
        """Whether the only filter, or none, was counted before to have more than so many that everybody sees."""
        asked = [(name, getattr(self.query, name)) for name in self._filters]
        return len(asked) <= 1 and counted_before(*(asked[0] if asked else ("", ""))) > most

    def _walked(self) -> QuerySet[SearchEntry]:
        is_unordered = any(len(values) > 1 for values in self._filters.values())
        if is_unordered and not self.is_rich and self.terms.required:
            # No index has them in the order of the page: SQLite would ask about every one of them.
            matches = SearchTerms.objects.filter(terms__match=self._narrow).values("pk")
            return self.wanted.by_columns().filter(pk__in=matches)
        return self.wanted.walked()
