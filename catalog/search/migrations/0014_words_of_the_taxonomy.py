"""Tasks of older entries by their one id, and the domains and modalities that follow from them."""

from django.db import migrations

from catalog.search.services import taxonomy_of

_BATCH = 1000


def name_tasks(apps, schema_editor):
    """In batches, so that nobody waits long for a row; those that are right already are not written."""
    entries = apps.get_model("search", "SearchEntry").objects
    last = 0
    while batch := list(entries.filter(pk__gt=last).only("task", "tags", "domain", "modality").order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        changed = []
        for entry in batch:
            known = taxonomy_of(entry.task, entry.tags.split())
            if any(getattr(entry, name) != value for name, value in known.items()):
                for name, value in known.items():
                    setattr(entry, name, value)
                changed.append(entry)
        entries.bulk_update(changed, ["task", "domain", "modality"])


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('search', '0013_indexes_for_filters')]

    operations = [migrations.RunPython(name_tasks, migrations.RunPython.noop)]
