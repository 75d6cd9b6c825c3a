"""The audit log refuses to be changed, whoever asks. Nothing that the release before does to it is refused."""

from django.db import migrations

from catalog.reviews.append_only import guard, lift


def refuse_changes(apps, schema_editor):
    guard(schema_editor.connection)


def allow_changes(apps, schema_editor):
    lift(schema_editor.connection)


class Migration(migrations.Migration):
    """May run again."""

    dependencies = [
        ('reviews', '0009_cases_of_what_waits'),
    ]

    operations = [
        migrations.RunPython(refuse_changes, allow_changes),
    ]
