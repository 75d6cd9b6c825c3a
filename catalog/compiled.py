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
_FIRST_SMALL = 2_146_310_000
_FIRST_FRACTION = 731_000_000_000.125
_MOST_STATEMENTS = 500
Around = Callable[[str], str]


class StandIns:
    """Values that are found again among the parameters of a statement."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}

    def text(self, name: str) -> str:
        """A text that will be the value ``name``."""
        return self._add(f"\x1a{name}\x1a", name)

    def number(self, name: str, *, is_small: bool = False) -> int:
        """A whole number that will be the value ``name``; ``is_small`` for a column of four bytes."""
        return self._add((_FIRST_SMALL if is_small else _FIRST_NUMBER) + len(self.names), name)

    def fraction(self, name: str) -> float:
        """A number with a fraction that will be the value ``name``."""
        return self._add(_FIRST_FRACTION + len(self.names), name)

    def numbers(self, name: str) -> Any:
        """A list of numbers that will be the value ``name``, for :class:`catalog.search.fields.Among`."""
        return self._add((_FIRST_NUMBER + len(self.names),), name)

    def _add(self, stand_in: Any, name: str) -> Any:
        self.names[stand_in] = name
        return stand_in


class _Statement:
    """The SQL of one queryset, the order of its values, and how columns become values of Python."""

    def __init__(self, queryset: models.QuerySet[Any, Any], names: dict[Any, str], around: Around | None) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        sql, given = compiler.as_sql()
        self.sql = around(sql) if around else sql
        # A value of a constant condition, or None and the name of a value that changes.
        self.parameters = [_parameter(value, names) for value in given]
        missing = set(names.values()) - {name for _, name in self.parameters}
        assert not missing, f"{missing} did not come through as they were given"
        self.converters = {} if around else compiler.get_converters([selected[0] for selected in compiler.select])
        self.compiler = compiler

    def rows(self, values: dict[str, Any], *, is_planned_anew: bool) -> list[tuple[Any, ...]]:
        given = [constant if name is None else values[name] for constant, name in self.parameters]
        found = _fetch(self.sql, given, is_planned_anew=is_planned_anew)
        if not self.converters or not found:
            return found
        return [tuple(row) for row in self.compiler.apply_converters(found, self.converters)]


def _parameter(value: Any, names: dict[Any, str]) -> tuple[Any, str | None]:
    name = names.get(value) if isinstance(value, Hashable) else None
    return (value, None) if name is None else (None, name)


class CompiledQuery:
    """``build(stand_ins, shape)`` makes a ``values_list`` queryset; each ``shape`` is compiled once in a process.

    ``around`` writes another statement around it, whose rows are taken as they come. ``is_planned_anew`` is for one
    whose best plan depends on the values.
    """

    def __init__(
        self,
        build: Callable[[StandIns, Any], models.QuerySet[Any, Any]],
        *,
        around: Around | None = None,
        is_planned_anew: bool = False,
    ) -> None:
        self._build, self._around, self._is_planned_anew = build, around, is_planned_anew
        self._statements: dict[tuple[str, Hashable], _Statement] = {}

    def rows(self, shape: Hashable, /, **values: Any) -> list[tuple[Any, ...]]:
        """The rows for these values. Raises what the database raises."""
        key = (connection.vendor, shape)
        statement = self._statements.get(key)
        if statement is None:
            stand_ins = StandIns()
            statement = _Statement(self._build(stand_ins, shape), stand_ins.names, self._around)
            if len(self._statements) >= _MOST_STATEMENTS:
                self._statements.clear()
            self._statements[key] = statement
        return statement.rows(values, is_planned_anew=self._is_planned_anew)


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


def _fetch(sql: str, values: list[Any], *, is_planned_anew: bool = False) -> list[tuple[Any, ...]]:
    is_watched = connection.queries_logged or connection.execute_wrappers
    if connection.vendor == "postgresql" and settings.HUB_DATABASE_PREPARED and not is_watched:
        found = _fetch_prepared(sql, values, is_kept=not is_planned_anew)
        if found is not None:
            return found
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _fetch_prepared(sql: str, values: list[Any], *, is_kept: bool) -> list[tuple[Any, ...]] | None:
    """The rows, or None where the prepared statement is of no use any more."""
    import psycopg
    from psycopg import errors

    connection.validate_no_broken_transaction()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        try:
            # Django's own cursors write the values into the SQL, so that every statement is planned again.
            with psycopg.Cursor(connection.connection) as cursor:
                return cursor.execute(sql, values, prepare=is_kept).fetchall()
        except (errors.FeatureNotSupported, errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
            # A migration changed a column's type, or a pooler between gave us somebody else's session.
            if connection.in_atomic_block:
                raise
            return None
