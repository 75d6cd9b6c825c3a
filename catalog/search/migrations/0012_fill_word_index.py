"""Cut the words of every entry anew, make the word index of them, and drop the trigrams that it replaces."""

from django.db import migrations

from catalog.search.labels import labels_of
from catalog.search.texts import head_of
from catalog.search.tokens import joined, words_of
from catalog.search.trigrams import make_trigram_index
from catalog.search.word_index import fill, make_indexes, make_table

_BATCH = 1000


def make(apps, schema_editor):
    """First the table with its triggers: what is written meanwhile is indexed already."""
    make_table(schema_editor.connection)
    if schema_editor.connection.vendor == "sqlite":
        # Its triggers take the old words of a changed text out of the index: they must be in it.
        fill(schema_editor.connection)


def cut_words(apps, schema_editor):
    """The release before wrote texts as they are; rows that have a head are done."""
    texts = apps.get_model("search", "SearchText").objects
    entries = apps.get_model("search", "SearchEntry").objects
    _name_entries(entries)
    last = 0
    while batch := list(texts.filter(head="", pk__gt=last).select_related("entry").order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        for row in batch:
            entry = row.entry
            row.head = head_of(entry)
            row.text = joined(words_of(row.text))
            row.labels = joined(labels_of(entry))
        texts.bulk_update(batch, ["head", "text", "labels"])


def fill_index(apps, schema_editor):
    """Whatever no trigger has seen."""
    fill(schema_editor.connection)
    make_indexes(schema_editor.connection)
    # Where pg_trgm cannot be made, ``manage.py search_indexes`` does this later.
    make_trigram_index(schema_editor.connection)


def drop_trigrams(apps, schema_editor):
    """Every publication wrote them, and nothing asks them any more."""
    if schema_editor.connection.vendor == "postgresql":
        for column in ("text", "labels"):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS search_{column}_trigrams")


def _name_entries(entries):
    last = 0
    while batch := list(entries.filter(pk__gt=last).select_related("base_model").order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        for entry in batch:
            entry.short_name = entry.full_name.rpartition("/")[2].casefold()
            entry.architecture = entry.base_model.model_type if entry.base_model else ""
        entries.bulk_update(batch, ["short_name", "architecture"])


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('bases', '0001_initial'), ('search', '0011_word_index')]

    operations = [
        migrations.RunPython(make, migrations.RunPython.noop),
        migrations.RunPython(cut_words, migrations.RunPython.noop),
        migrations.RunPython(fill_index, migrations.RunPython.noop),
        migrations.RunPython(drop_trigrams, migrations.RunPython.noop),
    ]
