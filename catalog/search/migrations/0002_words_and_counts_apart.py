"""A table for the words of an entry, and how much of a day's count its entry shows."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """New tables and columns only."""

    dependencies = [("search", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='SearchText',
            fields=[
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='words', serialize=False, to='search.searchentry')),
                ('text', models.TextField(blank=True)),
                ('labels', models.TextField(blank=True)),
            ],
        ),
        migrations.AddField(
            model_name='downloadcount',
            name='carried',
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
    ]
