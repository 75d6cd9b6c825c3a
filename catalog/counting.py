"""Counts that stop: a list says "more than 10 000", and does not count a million rows to say so.

That a list holds more than the limit is believed for a minute without looking again, as such a list seldom shrinks;
whatever is smaller is always fresh.
"""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

_REMEMBERED_SECONDS = 60
_MOST_REMEMBERED = 1000
T = TypeVar("T")
# By list: until when it is believed, and what was found. One for each process.
_remembered: dict[Hashable, tuple[float, Any]] = {}


def bounded_count(queryset: QuerySet[Any], limit: int, *, same_list: Hashable = None) -> int:
    """How many rows there are, at most ``limit + 1``. ``same_list`` is equal for equal lists; by default their SQL."""
    counted = queryset.order_by()
    return believed(
        counted.values("pk"), lambda: bounded(counted, limit), lambda count: count > limit, same_list=same_list
    )


def bounded(queryset: QuerySet[Any], limit: int) -> int:
    """The same, counted now."""
    return queryset.order_by()[: limit + 1].count()


def believed(
    queryset: QuerySet[Any, Any], find: Callable[[], T], is_many: Callable[[T], bool], *, same_list: Hashable = None
) -> T:
    """What ``find`` makes of ``queryset``; found again only after a minute where ``is_many`` says so. Keep it small."""
    try:
        key = same_list or str(queryset.query.sql_with_params())
    except EmptyResultSet:
        return find()
    return remembered(key, find, is_many)


def remembered(same_list: Hashable, find: Callable[[], T], is_many: Callable[[T], bool]) -> T:
    """The same where no queryset was made yet; ``same_list`` is equal for equal lists."""
    until, found = _remembered.get(same_list, (0.0, None))
    if until > time.monotonic():
        return found
    found = find()
    if is_many(found):
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[same_list] = (time.monotonic() + _REMEMBERED_SECONDS, found)
    return found
