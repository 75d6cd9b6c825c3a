"""Taking a column away in two releases: the code forgets it first, the table later."""

from typing import Any

from django.db import migrations, models


class RetireField(migrations.RemoveField):
    """The models lose the field now, the table loses the column with the next release.

    Until then the release before goes on beside this one: it names the column in every statement, and this one never
    does, so the column gets a default in the database. On SQLite one process has the file to itself: the column goes at
    once. ``DropRetired`` ends it.
    """

    def __init__(self, model_name: str, name: str, *, default: "models.Field[Any, Any]") -> None:
        """``default`` is the field as it is, with a ``db_default``."""
        super().__init__(model_name, name)
        self.default = default

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """As it is written in a migration."""
        name, arguments, keywords = super().deconstruct()
        return name, list(arguments), {**keywords, "default": self.default}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Give the column its default; no row is touched."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        self._altered().database_forwards(
            app_label, schema_editor, from_state, self._with_default(app_label, from_state)
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Take the default away again."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        self._altered().database_backwards(app_label, schema_editor, self._with_default(app_label, to_state), to_state)

    def describe(self) -> str:
        """For ``migrate --plan``."""
        return f"Retire field {self.name} of {self.model_name}"

    def _altered(self) -> migrations.AlterField:
        return migrations.AlterField(self.model_name, self.name, self.default)

    def _with_default(self, app_label: str, state: Any) -> Any:
        changed = state.clone()
        self._altered().state_forwards(app_label, changed)
        return changed


class DropRetired(migrations.RunSQL):
    """A release after ``RetireField``: the table loses the column that no code knows any more."""

    def __init__(self, table: str, column: str) -> None:
        super().__init__(f'ALTER TABLE "{table}" DROP COLUMN IF EXISTS "{column}"', migrations.RunSQL.noop)
        self.table, self.column = table, column

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """As it is written in a migration."""
        return type(self).__name__, [self.table, self.column], {}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it, where it is."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
