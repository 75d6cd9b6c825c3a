"""A question that may take so long and no longer: extras of a page must never hold it up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.utils import OperationalError

_STEPS = 2000
"""How many steps SQLite makes between two looks at the clock."""


class TookTooLong(Exception):
    """The time was over."""


@contextmanager
def within(milliseconds: int) -> Iterator[None]:
    """End the statement that is under way when the time is over. Raises TookTooLong; the connection stays usable."""
    try:
        with (
            _ended_on_postgresql(milliseconds) if connection.vendor == "postgresql" else _ended_on_sqlite(milliseconds)
        ):
            yield
    except OperationalError as error:
        if _is_ours(error):
            raise TookTooLong from error
        raise


@contextmanager
def _ended_on_postgresql(milliseconds: int) -> Iterator[None]:
    """For each statement alone: what was fast before it does not count."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        (before,) = cursor.fetchone()
        cursor.execute(f"SET LOCAL statement_timeout = {int(milliseconds)}")
        yield
        # Inside somebody else's transaction the setting would outlive this block.
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])


@contextmanager
def _ended_on_sqlite(milliseconds: int) -> Iterator[None]:
    connection.ensure_connection()
    until = time.monotonic() + milliseconds / 1000
    connection.connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 0)


def _is_ours(error: OperationalError) -> bool:
    """Whether the time was over, and nothing worse."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", "") == "57014" or str(cause) == "interrupted"
