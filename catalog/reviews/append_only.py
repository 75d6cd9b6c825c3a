"""The database itself refuses to change the audit log: triggers on both, which the code of the hub cannot forget.

Whoever owns the database can take them away; nobody does it by mistake.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection as default_connection
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

_TABLE = "reviews_auditevent"
_REFUSAL = "the audit log is append-only"
_SQLITE_GUARD = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS audit_refuses_{verb.lower()} BEFORE {verb} ON {_TABLE}"
        f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    # INSERT OR REPLACE takes a line away without a DELETE.
    f"CREATE TRIGGER IF NOT EXISTS audit_refuses_replace BEFORE INSERT ON {_TABLE}"
    f" WHEN EXISTS (SELECT 1 FROM {_TABLE} WHERE id = NEW.id)"
    f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
)
_SQLITE_LIFT = tuple(f"DROP TRIGGER IF EXISTS audit_refuses_{verb}" for verb in ("update", "delete", "replace"))
_POSTGRESQL_GUARD = (
    f"""
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$
""",
    f"""
CREATE OR REPLACE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {_TABLE}
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
""",
)
_POSTGRESQL_LIFT = (f"DROP TRIGGER IF EXISTS audit_refuses_change ON {_TABLE}",)


def guard(connection: BaseDatabaseWrapper) -> None:
    """From now on an UPDATE, DELETE or TRUNCATE of the log is an IntegrityError."""
    _run(connection, _SQLITE_GUARD if connection.vendor == "sqlite" else _POSTGRESQL_GUARD)


def lift(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: for a migration that must change lines, and for emptying the database."""
    _run(connection, _SQLITE_LIFT if connection.vendor == "sqlite" else _POSTGRESQL_LIFT)


@contextmanager
def unguarded(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """One transaction in which the log may be changed. Nobody else sees it without its triggers."""
    with transaction.atomic(using=connection.alias):
        lift(connection)
        yield
        guard(connection)


def keep_guard(**kwargs: object) -> None:
    """After every migration: SQLite makes a table anew to change it, and drops its triggers without a word."""
    if default_connection.vendor == "sqlite" and _TABLE in default_connection.introspection.table_names():
        guard(default_connection)


def _run(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
