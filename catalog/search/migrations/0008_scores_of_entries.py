"""The newest score of each entry on each evaluation set, for filters and sorting."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A new table."""

    dependencies = [
        ('evaluations', '0011_companions'),
        ('search', '0007_columns_to_search_by'),
    ]

    operations = [
        migrations.CreateModel(
            name='EntryScore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('score', models.FloatField()),
                ('merit', models.FloatField()),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='search.searchentry')),
                ('evaluation_set', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evaluations.evaluationset')),
            ],
            options={
                'indexes': [models.Index(fields=['evaluation_set', '-merit', '-entry'], name='entries_by_score')],
                'constraints': [models.UniqueConstraint(fields=('entry', 'evaluation_set'), name='one_score_per_entry_and_set')],
            },
        ),
    ]
