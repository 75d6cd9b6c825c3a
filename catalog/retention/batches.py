"""Walk through a table without holding it: a batch at a time, by primary key, never by OFFSET."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)
_BATCH = 500


def in_batches(rows: "QuerySet[Row, Row]", *, size: int = _BATCH) -> Iterator[list[Row]]:
    """Lists of rows in the order of their primary keys; one that changes meanwhile may come as it was or as it is."""
    last: Any = None
    while True:
        following = rows if last is None else rows.filter(pk__gt=last)
        batch = list(following.order_by("pk")[:size])
        if not batch:
            return
        yield batch
        last = batch[-1].pk


def each(rows: "QuerySet[Row, Row]") -> Iterator[Row]:
    """The rows of :func:`in_batches`, one by one."""
    return (row for batch in in_batches(rows) for row in batch)
