"""Entries of several fields of work are found under each: older ones get the labels of all."""

from django.db import migrations

from catalog.search.labels import labels_of
from catalog.search.tokens import joined
from catalog.taxonomy.domains import domains_of

_BATCH = 1000


def label_domains(apps, schema_editor):
    """In batches, so that nobody waits long for a row; the index follows by its triggers."""
    entries = apps.get_model("search", "SearchEntry").objects
    texts = apps.get_model("search", "SearchText").objects
    last = 0
    while batch := list(entries.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        named = {entry.pk: entry for entry in batch if domains_of(entry.task, entry.tags.split())}
        changed = []
        for text in texts.filter(entry__in=named):
            labels = joined(labels_of(named[text.entry_id]))
            if labels != text.labels:
                text.labels = labels
                changed.append(text)
        texts.bulk_update(changed, ["labels"])


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('search', '0017_without_indexes_replaced')]

    operations = [migrations.RunPython(label_domains, migrations.RunPython.noop)]
