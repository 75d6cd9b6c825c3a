"""An upgrade under load: old and new code write the same tables, so migrations only ever add to them."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

from catalog.retiring import RetireField

OURS = {config.label for config in apps.get_app_configs() if config.name.startswith("catalog.")}
# Nothing was in use before them.
FIRST_RELEASE = {
    (app, "0001_initial") for app in ("accounts", "adapters", "bases", "jobs", "uploads", "reviews", "search")
}
# Applied on hubs before the rule was made.
APPLIED = {("uploads", "0002_files_that_go_to_the_store_directly")}
# Nobody used these tables before that migration.
MADE_IN_STEPS = {
    "access": "0006_constraints",
    "collections": "0006_constraints",
    "derivations": "0006_constraints",
    "families": "0009_constraints",
    "removals": "0007_constraints",
    "reviews": "0006_waivers_of_namespaces",
}
TAKING_AWAY = (migrations.RemoveField, migrations.DeleteModel, migrations.RenameField, migrations.RenameModel)


def our_operations() -> Iterator[tuple[str, Operation, set[str]]]:
    """Every step of our migrations, and the tables that are new in the same migration."""
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        if app in OURS:
            made = {step.name_lower for step in migration.operations if isinstance(step, migrations.CreateModel)}
            for step in migration.operations:
                yield f"{app}/{name}", step, made


def tables_in_use(app: str, migration: migrations.Migration) -> Iterator[str]:
    """Tables that older code writes and a migration locks, the one that each step changes or refers to.

    A reference from one such table to another locks both, in this order, which is that of the code.
    """
    made = {step.name_lower for step in migration.operations if isinstance(step, migrations.CreateModel)}
    for step in migration.operations:
        is_new = (app, "0001_initial") not in FIRST_RELEASE or getattr(step, "model_name_lower", "") in made
        if isinstance(step, migrations.AddField) and not is_new:
            yield f"{app}.{step.model_name_lower}"
            continue
        fields = [field for _, field in step.fields] if isinstance(step, migrations.CreateModel) else []
        if isinstance(step, migrations.AddField):
            fields = [step.field]
        for field in fields:
            if isinstance(field, models.ForeignKey):
                to = str(field.deconstruct()[3]["to"]).lower()
                if not to.startswith(f"{app}."):
                    yield to


def test_there_are_migrations_to_look_at() -> None:
    assert len({name for name, _, _ in our_operations()}) > 10


@pytest.mark.django_db
def test_the_migrations_are_those_of_the_models() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_migration_takes_away_what_the_release_before_uses() -> None:
    taken = [
        f"{name}: {step.describe()}"
        for name, step, _ in our_operations()
        if isinstance(step, TAKING_AWAY) and not isinstance(step, RetireField)
    ]
    assert not taken, "retire a field first (catalog.retiring.RetireField)"


def test_a_migration_locks_one_table_in_use_at_most() -> None:
    """Two at a time meet a request that has locked them the other way round: PostgreSQL ends one of the two."""
    locking = {
        f"{app}/{name}: {', '.join(sorted(locked))}"
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app in OURS and (app, name) not in FIRST_RELEASE | APPLIED
        if len(locked := set(tables_in_use(app, migration))) > 1
    }
    assert not locking, "one migration for each"


def test_a_new_column_may_be_left_out_by_the_release_before() -> None:
    demanding = [
        f"{name}: {step.describe()}"
        for name, step, made in our_operations()
        if isinstance(step, migrations.AddField)
        and step.model_name_lower not in made
        and name > f"{name.split('/')[0]}/{MADE_IN_STEPS.get(name.split('/')[0], '')}"
        and not isinstance(step.field, models.ManyToManyField)
        and not step.field.null
        and step.field.db_default is NOT_PROVIDED
    ]
    assert not demanding, "null=True, or a db_default"
