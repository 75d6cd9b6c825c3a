"""On PostgreSQL, rows of the word index with what searches ask beside words, narrow and in the order of downloads."""

from django.db import migrations

from catalog.search import postgresql_index
from catalog.search.word_index import fill, make_table


def make_rows(apps, schema_editor):
    """The rows of the release before are made anew beside them; it reads the new ones as well."""
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        make_table(connection)
        if not postgresql_index.is_narrow(connection):
            fill(connection, is_anew=True)


def let_columns_go(apps, schema_editor):
    """Earlier releases may drop what the trigger reads."""
    if schema_editor.connection.vendor == "postgresql":
        postgresql_index.drop_carrying(schema_editor.connection)


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('search', '0014_words_of_the_taxonomy')]

    operations = [migrations.RunPython(make_rows, let_columns_go)]
