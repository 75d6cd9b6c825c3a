"""The column of the word index: matched by the same lookup on both databases."""

from typing import Any

from django.db import models
from django.db.models import F, Func, Lookup, Value

from catalog.search.terms import Terms


class TermsField(models.Field):
    """A tsvector on PostgreSQL, a whole FTS5 table on SQLite; only ``__match`` can be asked of it."""

    def get_internal_type(self) -> str:
        """Of no type that Django knows."""
        return "TermsField"


@TermsField.register_lookup
class Match(Lookup):
    """``terms__match=Terms``. On SQLite something must be required of it."""

    lookup_name = "match"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """For SQLite."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} MATCH %s", [*parameters, _terms(self.rhs).on_sqlite()]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        """For PostgreSQL."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} @@ %s::tsquery", [*parameters, _terms(self.rhs).on_postgresql()]


class Among(Func):
    """``column`` is one of many numbers, which the database gets as one value and looks up by its index."""

    output_field = models.BooleanField()

    def __init__(self, column: str, numbers: Any) -> None:
        super().__init__(F(column), Value(numbers))

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """The numbers as JSON."""
        column, numbers = self.get_source_expressions()
        sql, parameters = compiler.compile(column)
        given = numbers.value if isinstance(numbers.value, tuple) else str(numbers.value)
        return f"{sql} IN (SELECT value FROM json_each(%s))", [*parameters, given]

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """The numbers as an array of which the planner knows nothing: so it never walks another index instead."""
        column, numbers = self.get_source_expressions()
        sql, parameters = compiler.compile(column)
        return f"{sql} = ANY(ARRAY(SELECT unnest(%s::bigint[])))", [*parameters, numbers.value]


def _terms(value: Any) -> Terms:
    assert isinstance(value, Terms), "only Terms can be matched"
    return value
