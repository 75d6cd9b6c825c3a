"""The entry without its words, one index for each filter in the order of the page, trigrams over words and labels."""

import django.db.models.functions.text
import django.db.models.deletion
from django.db import migrations, models

from catalog.search.trigrams import make_trigram_indexes


def index_words(apps, schema_editor):
    """Where pg_trgm cannot be made, ``manage.py search_indexes`` does this later."""
    make_trigram_indexes(schema_editor.connection)


class Migration(migrations.Migration):
    """Drops with the table or the column what it adds."""

    dependencies = [("search", "0003_move_words")]

    operations = [
        migrations.RemoveField(
            model_name='searchentry',
            name='text',
        ),
        migrations.AlterField(
            model_name='searchentry',
            name='base_model',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='entries', to='bases.basemodel'),
        ),
        migrations.AlterField(
            model_name='searchentry',
            name='license',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name='searchentry',
            name='method',
            field=models.CharField(max_length=60),
        ),
        migrations.AlterField(
            model_name='searchentry',
            name='namespace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.namespace'),
        ),
        migrations.AlterField(
            model_name='searchentry',
            name='task',
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddIndex(
            model_name='downloadcount',
            index=models.Index(condition=models.Q(('count', models.F('carried')), _negated=True), fields=['id'], name='counts_to_carry'),
        ),
        migrations.AddIndex(
            model_name='searchentry',
            index=models.Index(fields=['namespace', '-downloads', '-id'], name='entry_by_namespace'),
        ),
        migrations.AddIndex(
            model_name='searchentry',
            index=models.Index(fields=['base_model', '-downloads', '-id'], name='entry_by_base'),
        ),
        migrations.AddIndex(
            model_name='searchentry',
            index=models.Index(fields=['method', '-downloads', '-id'], name='entry_by_method'),
        ),
        migrations.AddIndex(
            model_name='searchentry',
            index=models.Index(fields=['task', '-downloads', '-id'], name='entry_by_task'),
        ),
        migrations.AddIndex(
            model_name='searchentry',
            index=models.Index(django.db.models.functions.text.Upper('license'), models.OrderBy(models.F('downloads'), descending=True), models.OrderBy(models.F('id'), descending=True), name='entry_by_license'),
        ),
        migrations.RunPython(index_words, migrations.RunPython.noop),
    ]
