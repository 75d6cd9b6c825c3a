"""The entry without its words, and without the indexes that others have replaced."""

import django.db.models.deletion
from django.db import migrations, models

from catalog.retiring import RetireField


class Migration(migrations.Migration):
    """Each step holds its lock for a moment only."""

    dependencies = [("search", "0004_indexes_for_a_million")]

    operations = [
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
        # The release before lists and writes this column. It goes with the next one: DropRetired("search_searchentry", "text").
        RetireField("searchentry", "text", default=models.TextField(blank=True, db_default="")),
    ]
