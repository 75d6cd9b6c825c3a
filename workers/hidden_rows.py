"""Rows that never leave the hub, in an error of the child that reads them neither."""

from collections.abc import Iterator
from contextlib import contextmanager

from catalog.evaluations.models import SetRevision
from catalog.evaluations.telling import TELLS_NOTHING, UNTOLD
from workers.children import ChildFailed


@contextmanager
def quoting_no_row(rows: SetRevision) -> Iterator[None]:
    """What breaks a child may quote a row: of hidden ones the job's error and log keep the code alone."""
    try:
        yield
    except ChildFailed as failure:
        if not rows.is_hidden or failure.code in TELLS_NOTHING:
            raise
        raise ChildFailed(failure.code, UNTOLD, is_final=failure.is_final) from None
