"""A question that is asked thousands of times a minute: its SQL is written once, by a queryset, and only values change.

Building a queryset and its SQL costs more than PostgreSQL's answer. So the queryset, with its permissions, is built
once with stand-ins for the values, and what they became in the SQL is filled in for each asking. PostgreSQL plans it
once for each connection (``HUB_DATABASE_PREPARED``).
"""

from collections.abc import Callable, Hashable
from typing import Any

from django.conf import settings
from django.db import connection, models

_FIRST_NUMBER = 7_310_000_000_000_000_000


class StandIns:
    """Values that are found again among the parameters of a statement."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}

    def text(self, name: str) -> str:
        """A text that will be the value ``name``."""
        return self._add(f"\x1a{name}\x1a", name)

    def number(self, name: str) -> int:
        """A whole number that will be the value ``name``."""
        return self._add(_FIRST_NUMBER + len(self.names), name)

    def _add(self, stand_in: Any, name: str) -> Any:
        self.names[stand_in] = name
        return stand_in


class _Statement:
    """The SQL of one queryset, the order of its values, and how columns become values of Python."""

    def __init__(self, queryset: models.QuerySet[Any, Any], names: dict[Any, str]) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, given = compiler.as_sql()
        # A value of a constant condition, or None and the name of a value that changes.
        self.parameters = [_parameter(value, names) for value in given]
        missing = set(names.values()) - {name for _, name in self.parameters}
        assert not missing, f"{missing} did not come through as they were given"
        self.converters = compiler.get_converters([selected[0] for selected in compiler.select])
        self.compiler = compiler

    def rows(self, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        given = [constant if name is None else values[name] for constant, name in self.parameters]
        found = _fetch(self.sql, given)
        if not self.converters or not found:
            return found
        return [tuple(row) for row in self.compiler.apply_converters(found, self.converters)]


def _parameter(value: Any, names: dict[Any, str]) -> tuple[Any, str | None]:
    name = names.get(value) if isinstance(value, Hashable) else None
    return (value, None) if name is None else (None, name)


class CompiledQuery:
    """``build(stand_ins, shape)`` makes a ``values_list`` queryset; each ``shape`` is compiled once in a process."""

    def __init__(self, build: Callable[[StandIns, Any], models.QuerySet[Any, Any]]) -> None:
        self._build = build
        self._statements: dict[tuple[str, Hashable], _Statement] = {}

    def rows(self, shape: Hashable, /, **values: Any) -> list[tuple[Any, ...]]:
        """The rows for these values. Raises what the database raises."""
        key = (connection.vendor, shape)
        statement = self._statements.get(key)
        if statement is None:
            stand_ins = StandIns()
            statement = self._statements[key] = _Statement(self._build(stand_ins, shape), stand_ins.names)
        return statement.rows(values)


def _fetch(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    is_watched = connection.queries_logged or connection.execute_wrappers
    if connection.vendor == "postgresql" and settings.HUB_DATABASE_PREPARED and not is_watched:
        return _fetch_prepared(sql, values)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _fetch_prepared(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    import psycopg

    connection.validate_no_broken_transaction()
    connection.ensure_connection()
    # Django's own cursors write the values into the SQL, so that every statement is planned again.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, values, prepare=True).fetchall()
