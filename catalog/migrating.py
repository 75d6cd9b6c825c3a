"""Changing a large table while the hub runs on it: indexes built beside it, locks that are not waited for."""

from typing import Any

from django.db import NotSupportedError, connection, migrations
from django.db.backends.base.base import BaseDatabaseWrapper

_LOCK_WAIT = "3s"
_VALIDITY = "SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass(%s)"


class AddIndexBeside(migrations.AddIndex):
    """``AddIndex`` that stops nobody: on PostgreSQL ``CONCURRENTLY``, elsewhere as usual.

    Its migration says ``atomic = False``. It can be run again: what an interrupted run left behind invalid is dropped
    and built anew, what is valid stays.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Build the index, unless it is there."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model) and drop_unless_valid(
            schema_editor.connection, self.index.name
        ):
            schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it again."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, concurrently=True)


class RemoveIndexBeside(migrations.RemoveIndex):
    """``RemoveIndex`` that stops nobody: on PostgreSQL ``CONCURRENTLY``. Its migration says ``atomic = False``."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop the index, unless it is gone."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.name)}")


class AllowNull(migrations.AlterField):
    """``AlterField`` that lets a column be empty, and on PostgreSQL does nothing else.

    Django's own drops the foreign key and checks every row again to have it back.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """The column may be empty."""
        self._alter("DROP", super().database_forwards, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """It may not."""
        self._alter("SET", super().database_backwards, app_label, schema_editor, from_state, to_state)

    def _alter(
        self, verb: str, otherwise: Any, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            otherwise(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        quote = schema_editor.quote_name
        column = model._meta.get_field(self.name).column
        schema_editor.execute(f"ALTER TABLE {quote(model._meta.db_table)} ALTER COLUMN {quote(column)} {verb} NOT NULL")


def drop_unless_valid(connection: BaseDatabaseWrapper, name: str) -> bool:
    """Whether the index must be built; one that is invalid is dropped first.

    Raises:
        NotSupportedError: inside a transaction, where PostgreSQL builds nothing concurrently.
    """
    if connection.in_atomic_block:
        raise NotSupportedError(f"the index {name} is built CONCURRENTLY: set atomic = False on its migration")
    with connection.cursor() as cursor:
        cursor.execute(_VALIDITY, [connection.ops.quote_name(name)])
        found = cursor.fetchone()
        if found == (True,):
            return False
        if found == (False,):
            cursor.execute(f"DROP INDEX CONCURRENTLY {connection.ops.quote_name(name)}")
    return True


def prepare_for_migration(**kwargs: Any) -> None:
    """A statement may take as long as it needs; a lock that others hold for seconds is given up.

    Whoever waits for an exclusive lock makes everybody behind him wait too, readers included.
    """
    _set("SET statement_timeout = 0", f"SET lock_timeout = '{_LOCK_WAIT}'", patience=None)


def end_migration(**kwargs: Any) -> None:
    """The connection goes back to the pool: with the limits of every other."""
    _set("RESET statement_timeout", "RESET lock_timeout", patience=...)


def _set(*statements: str, patience: Any) -> None:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    driver = connection.connection
    if hasattr(driver, "patience"):
        driver.patience = type(driver).patience if patience is ... else patience
