"""What is asked of the database for a list: ids, a page, a count, rows by their ids; compiled once for each form."""

import json
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, FloatField, QuerySet, Value
from django.db.models.expressions import Combinable

from catalog.accounts.querysets import Actor
from catalog.accounts.viewers import kind_of, viewer_like
from catalog.compiled import CompiledQuery, StandIns
from catalog.counting import bounded
from catalog.paging import after
from catalog.search.fields import Among
from catalog.search.listed import Listed, columns_of
from catalog.search.models import SearchEntry
from catalog.search.wanted import Form, Wanted, seen_by

Order = tuple[str, ...]
_NO_MERIT = Value(None, FloatField())
# Orders whose keys go into the statement as they are.
_COMPARED: dict[Order, tuple[str, ...]] = {("-downloads", "-id"): ("downloads", "id"), ("full_name",): ("full_name",)}
# Which part of a page: the first, what comes after a key, what has the key's first value, what is below that.
_FIRST, _AFTER, _TIED, _BELOW = "first", "after", "tied", "below"


class Asking:
    """The questions about what is wanted; ``formed`` is its form with the values, where it may be compiled."""

    def __init__(self, wanted: Wanted, formed: tuple[Form, dict[str, Any]] | None) -> None:
        self._wanted = wanted
        self._form: Form | None = formed[0] if formed else None
        self._values = formed[1] if formed else {}

    def ids(self, order: Order, most: int, *, is_in_index: bool, weight: int = 0) -> list[int]:
        """Of the first ``most``; on PostgreSQL's index of those with a ``weight`` or more."""
        if self._form is None:
            return ids_of(_ordered(self._wanted, order, is_in_index, weight), most)
        asked = _ids_in_index if is_in_index else _ids
        return _unpacked(asked.rows((self._form, order, is_in_index, weight, most), **self._values))

    def count(self, most: int, *, is_in_index: bool = False, weight: int = 0) -> int:
        """How many, and no further than one more than ``most``."""
        if self._form is None:
            return bounded(_ordered(self._wanted, (), is_in_index, weight), most)
        asked = _count_in_index if is_in_index else _count
        return int(asked.rows((self._form, (), is_in_index, weight, most + 1), **self._values)[0][0])

    def page(self, order: Order, key: list[Any] | None, most: int) -> list[Listed]:
        """The entries after the sort key ``key`` (None: from the first), one asked after the other."""
        if self._form is None or not (key is None or order in _COMPARED):
            return listed(self._wanted.walked().annotate(merit=merit_of(order)), order, key, most)
        asked = _page_by_words if self._form.has_terms else _page
        named = {} if key is None else dict(zip(_COMPARED[order], key, strict=True))

        def read(part: str) -> Iterable[tuple[Any, ...]]:
            return asked.rows((self._form, order, part, most), **self._values, **named)

        return _first(most, map(read, _parts(order, key)))


def merit_of(order: Order) -> Combinable:
    """What is shown as the merit of an entry: its best score where the list is sorted by it, else nothing."""
    return F("best_score") if order[0] == "-merit" else _NO_MERIT


def listed(entries: QuerySet[SearchEntry], order: Order, key: list[Any] | None, most: int) -> list[Listed]:
    """One page of any entries that have a ``merit``."""
    return _first(most, (_page_of(entries, order, part, key, most) for part in _parts(order, key)))


def _first(most: int, parts: Iterable[Iterable[tuple[Any, ...]]]) -> list[Listed]:
    """Rows of the parts one after the other; none is read once there are enough."""
    return list(map(Listed._make, islice(chain.from_iterable(parts), most)))


def rows_of(ids: list[int], viewer: Actor) -> list[Listed]:
    """Those of the entries with these ids that ``viewer`` may see now, in their order."""
    given = ids if connection.vendor == "postgresql" else str(ids)
    found = {row[0]: row for row in _rows.rows(kind_of(viewer), ids=given, viewer=viewer.pk)} if ids else {}
    return [Listed._make(found[pk]) for pk in ids if pk in found]


def ids_of(rows: QuerySet[Any, Any], most: int) -> list[int]:
    """Primary keys of the first ``most``, as one value: thousands of rows would cost more than finding them."""
    try:
        sql, parameters = _keys(rows, most).query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_packed(sql), parameters)
        return _unpacked(cursor.fetchall())


def _keys(rows: QuerySet[Any, Any], most: int) -> QuerySet[Any, Any]:
    return rows.annotate(hit=F("pk")).values_list("hit")[:most]


def _packed(sql: str) -> str:
    return f"SELECT json_group_array(hit) FROM ({sql})" if connection.vendor == "sqlite" else f"SELECT ARRAY({sql})"


def _unpacked(rows: list[tuple[Any, ...]]) -> list[int]:
    found = rows[0][0]
    return list(json.loads(found)) if isinstance(found, str) else list(found)


def _counted(sql: str) -> str:
    return f"SELECT COUNT(*) FROM ({sql}) AS counted"


def _ordered(wanted: Wanted, order: Order, is_in_index: bool, weight: int) -> QuerySet[Any]:
    if not is_in_index:
        return wanted.by_columns().order_by(*order)
    rows = wanted.in_index().order_by(*order)
    return rows.filter(weight__gte=weight) if weight else rows


def _keys_like(stand_ins: StandIns, shape: tuple[Form, Order, bool, int, int]) -> QuerySet[Any, Any]:
    form, order, is_in_index, weight, most = shape
    return _keys(_ordered(form.wanted(stand_ins, is_in_index=is_in_index), order, is_in_index, weight), most)


def _parts(order: Order, key: list[Any] | None) -> tuple[str, ...]:
    """In how many questions a page is read. SQLite uses an index of two keys only where they are not compared as one:
    most adapters of a large hub have no downloads, so that it would walk through them to every page."""
    if key is None:
        return (_FIRST,)
    return (_TIED, _BELOW) if connection.vendor == "sqlite" and len(order) == 2 else (_AFTER,)


def _page_of(
    entries: QuerySet[SearchEntry], order: Order, part: str, key: list[Any] | None, most: int
) -> QuerySet[SearchEntry, Any]:
    if part == _AFTER:
        entries = entries.filter(after(SearchEntry, order, key or []))
    elif part == _TIED and key:
        tied = {order[0].removeprefix("-"): key[0]}
        entries = entries.filter(after(SearchEntry, order[1:], key[1:]), **tied)
    elif part == _BELOW and key:
        entries = entries.filter(after(SearchEntry, order[:1], key[:1]))
    return columns_of(entries.order_by(*order))[:most]


def _page_like(stand_ins: StandIns, shape: tuple[Form, Order, str, int]) -> QuerySet[SearchEntry, Any]:
    form, order, part, most = shape
    entries = form.wanted(stand_ins, is_in_index=False).walked().annotate(merit=merit_of(order))
    if part == _FIRST:
        return _page_of(entries, order, part, None, most)
    asked = _COMPARED[order][:1] if part == _BELOW else _COMPARED[order]
    key = [stand_ins.text(name) if name == "full_name" else stand_ins.number(name) for name in asked]
    return _page_of(entries, order, part, key, most)


def _rows_like(stand_ins: StandIns, kind: str) -> QuerySet[SearchEntry, Any]:
    among = Among("pk", stand_ins.numbers("ids"))
    seen = SearchEntry.objects.filter(among, *seen_by(viewer_like(kind, stand_ins)))
    return columns_of(seen.annotate(merit=_NO_MERIT))


# How many have a word only the planner's statistics know, so that it must see the word.
_ids = CompiledQuery(_keys_like, around=_packed)
_ids_in_index = CompiledQuery(_keys_like, around=_packed, is_planned_anew=True)
_count = CompiledQuery(_keys_like, around=_counted)
_count_in_index = CompiledQuery(_keys_like, around=_counted, is_planned_anew=True)
_page = CompiledQuery(_page_like)
_page_by_words = CompiledQuery(_page_like, is_planned_anew=True)
_rows = CompiledQuery(_rows_like)
