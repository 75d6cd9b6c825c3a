"""Keyset pages: a cursor is the sort key of the last row, signed so that nobody can forge one."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core import signing
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, F, Field, Func, Model, Q, QuerySet, Value
from django.db.models.expressions import Combinable

from catalog.counting import bounded_count
from catalog.errors import InvalidInput

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
EXACT_COUNT_LIMIT = 10_000
_SALT = "hub.cursor"
M = TypeVar("M", bound=Model)
R = TypeVar("R")


@dataclass(frozen=True)
class Page(Generic[R]):
    """Rows, and the cursor of the next page (None at the end)."""

    rows: list[R]
    next_cursor: str | None
    count: int
    is_count_exact: bool


def page_of(
    queryset: QuerySet[M],
    order: Sequence[str],
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    same_list: Hashable = None,
) -> Page[M]:
    """One page of ``queryset`` in ``order`` (field names, ``-`` for descending; the last one must be unique).

    ``same_list`` is for :func:`catalog.counting.bounded_count`.

    Raises:
        InvalidInput: ``invalid_cursor`` (of another list, or forged); ``invalid_input`` for a bad limit.
    """

    def fetch(key: list[Any] | None, most: int) -> list[M]:
        rows = queryset.order_by(*order)
        return list((rows if key is None else rows.filter(after(queryset.model, order, key)))[:most])

    def count(most: int) -> int:
        return bounded_count(queryset, most, same_list=same_list)

    return page_from(fetch, count, list_name(queryset.model, order), cursor=cursor, limit=limit)


def page_from(
    fetch: Callable[[list[Any] | None, int], list[R]],
    count: Callable[[int], int],
    name: list[str],
    *,
    cursor: str | None,
    limit: int,
) -> Page[R]:
    """One page of a list that is read in a way of its own.

    ``fetch(key, most)`` gives at most so many rows after the sort key (None: from the first); ``count(most)`` counts
    no further than one more; ``name`` is :func:`list_name`. Raises as :func:`page_of`.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(detail=f"limit is {limit}; it must be 1 to {MAX_LIMIT}", field="limit")
    found = fetch(_read_cursor(cursor, name) if cursor else None, limit + 1)
    is_whole = not cursor and len(found) <= limit
    counted = len(found) if is_whole else count(EXACT_COUNT_LIMIT)
    next_cursor = _write_cursor(found[limit - 1], name) if len(found) > limit else None
    return Page(found[:limit], next_cursor, min(counted, EXACT_COUNT_LIMIT), counted <= EXACT_COUNT_LIMIT)


def after(model: type[M], order: Sequence[str], values: Sequence[Any]) -> Q | Combinable:
    """Rows strictly after ``values``: ``(a, b) > (x, y)``, which an index answers from its middle at any depth.

    Only where the directions differ it is (a > x) or (a = x and b > y) or ..., which walks the index from its start.
    """
    if len({term.startswith("-") for term in order}) == 1:
        names = [term.lstrip("-") for term in order]
        bounds = [Value(value, _field(model, name)) for name, value in zip(names, values, strict=True)]
        return _RowComparison(_Row(*map(F, names)), _Row(*bounds), arg_joiner=" < " if order[0][0] == "-" else " > ")
    condition, equal = Q(), Q()
    for term, value in zip(order, values, strict=True):
        name, comparison = (term[1:], "lt") if term.startswith("-") else (term, "gt")
        condition |= equal & Q(**{f"{name}__{comparison}": value})
        equal &= Q(**{name: value})
    return condition


class _Row(Func):
    """``(a, b)``."""

    template = "(%(expressions)s)"
    output_field = Field()


class _RowComparison(Func):
    """``(a, b) < (x, y)``, the operator being the joiner."""

    template = "%(expressions)s"
    output_field = BooleanField()


def _field(model: type[M], path: str) -> Any:
    first, *rest = path.split("__")
    try:
        found: Any = model._meta.get_field(first)
    except FieldDoesNotExist:
        return None  # an annotation: its values are numbers, which say themselves what they are
    for name in rest:
        found = found.related_model._meta.get_field(name)
    return found


def list_name(model: type[Model], order: Sequence[str]) -> list[str]:
    """What a cursor belongs to: two lists may sort alike and still hold keys of other types."""
    return [model._meta.label_lower, *order]


def _write_cursor(row: Any, name: list[str]) -> str:
    _, *order = name
    values = [_plain(_follow(row, term.lstrip("-"))) for term in order]
    return signing.dumps([name, values], salt=_SALT)


def _read_cursor(cursor: str, name: list[str]) -> list[Any]:
    try:
        signed_name, values = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise InvalidInput("invalid_cursor", "this cursor was not made by this hub", field="cursor") from error
    if signed_name != name:
        raise InvalidInput("invalid_cursor", "this cursor belongs to another list or sorting", field="cursor")
    return list(values)


def _follow(row: Any, path: str) -> Any:
    value = row
    for name in path.split("__"):
        value = getattr(value, name)
    return value


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, type(None))) else str(value)
