"""Move the words of every entry into their own table, and make every total the sum of its counts."""

from django.db import migrations
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

_BATCH = 2000


def move_words(apps, schema_editor):
    """Write a SearchText for each entry."""
    entries, words = apps.get_model("search", "SearchEntry").objects, apps.get_model("search", "SearchText")
    rows = entries.filter(words=None).values_list("pk", "text", "tags", "languages")
    batch = []
    for pk, text, tags, languages in rows.iterator(chunk_size=_BATCH):
        batch.append(words(entry_id=pk, text=text, labels=_labels(tags.split(), languages.split())))
        if len(batch) == _BATCH:
            words.objects.bulk_create(batch)
            batch = []
    words.objects.bulk_create(batch)


def sum_counts(apps, schema_editor):
    """Nothing is left to be carried."""
    counts = apps.get_model("search", "DownloadCount").objects
    total = counts.filter(adapter=OuterRef("adapter")).values("adapter").annotate(total=Sum("count")).values("total")
    apps.get_model("search", "SearchEntry").objects.update(downloads=Coalesce(Subquery(total), 0))
    counts.update(carried=F("count"))


def _labels(tags, languages):
    parts = [language.split("-") for language in languages]
    prefixes = {"-".join(words[: n + 1]) for words in parts for n in range(len(words))}
    labels = [*(f"#{tag}" for tag in tags), *(f"@{prefix}" for prefix in sorted(prefixes))]
    return f" {' '.join(labels)} ".casefold() if labels else ""


class Migration(migrations.Migration):
    """Data only; both steps may run again."""

    dependencies = [("search", "0002_words_and_counts_apart")]

    operations = [
        migrations.RunPython(move_words, migrations.RunPython.noop),
        migrations.RunPython(sum_counts, migrations.RunPython.noop),
    ]
