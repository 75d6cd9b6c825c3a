"""A question that is asked thousands of times a minute: its SQL is written once, by a queryset, and only values change.

Building a queryset and its SQL costs more than PostgreSQL's answer. So the queryset, with its permissions, is built
once with stand-ins for the values, and what they became in the SQL is filled in for each asking. PostgreSQL plans it
once for each connection (``HUB_DATABASE_PREPARED``).
"""

from collections.abc import Callable, Hashable, Sequence
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


class Part:
    """The columns of one model in a row; ``path`` leads to it from the row's own model (empty: it is that model).

    ``without`` are columns that are large and seldom read: a model asks for them when somebody does.
    """

    def __init__(self, model: type[models.Model], path: str = "", *, without: tuple[str, ...] = ()) -> None:
        self._model = model
        self._names = [field.attname for field in model._meta.concrete_fields if field.attname not in without]
        self._key = self._names.index(str(model._meta.pk and model._meta.pk.attname))
        self.way = path.split("__") if path else []
        self.columns = ["__".join([*self.way, name]) for name in self._names]

    def made(self, values: Sequence[Any]) -> Any:
        """The model, None where an outer join found nothing."""
        return None if values[self._key] is None else self._model.from_db(None, self._names, values)


class CompiledModels:
    """The same for whole models: ``build`` makes a plain queryset; the first part is its own model."""

    def __init__(self, build: Callable[[StandIns, Any], models.QuerySet[Any]], *parts: Part) -> None:
        columns = [column for part in parts for column in part.columns]
        self._rows = CompiledQuery(lambda stand_ins, shape: build(stand_ins, shape).values_list(*columns)).rows
        self._parts = parts

    def find(self, shape: Hashable, /, **values: Any) -> list[Any]:
        """The models for these values, with those that other parts lead to."""
        return [self._made(row) for row in self._rows(shape, **values)]

    def _made(self, row: Sequence[Any]) -> Any:
        own, *others = self._parts
        made, start = own.made(row), len(own.columns)
        for part in others:
            end = start + len(part.columns)
            holder = made
            for name in part.way[:-1]:
                holder = getattr(holder, name)
            holder._meta.get_field(part.way[-1]).set_cached_value(holder, part.made(row[start:end]))
            start = end
        return made


def keep_rows(instance: models.Model, name: str, rows: list[Any]) -> None:
    """Let ``instance.<name>.all()`` give these rows, as after ``prefetch_related``."""
    found = getattr(instance, name).all()
    found._result_cache, found._prefetch_done = rows, True
    instance.__dict__.setdefault("_prefetched_objects_cache", {})[name] = found


def _fetch(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    is_watched = connection.queries_logged or connection.execute_wrappers
    if connection.vendor == "postgresql" and settings.HUB_DATABASE_PREPARED and not is_watched:
        found = _fetch_prepared(sql, values)
        if found is not None:
            return found
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _fetch_prepared(sql: str, values: list[Any]) -> list[tuple[Any, ...]] | None:
    """The rows, or None where the prepared statement is of no use any more."""
    import psycopg
    from psycopg import errors

    connection.validate_no_broken_transaction()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        try:
            # Django's own cursors write the values into the SQL, so that every statement is planned again.
            with psycopg.Cursor(connection.connection) as cursor:
                return cursor.execute(sql, values, prepare=True).fetchall()
        except (errors.FeatureNotSupported, errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
            # A migration changed a column's type, or a pooler between gave us somebody else's session.
            if connection.in_atomic_block:
                raise
            return None
