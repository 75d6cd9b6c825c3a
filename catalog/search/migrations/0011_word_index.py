"""What the word index is made of, and the counts of every value."""

import catalog.search.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """New tables and a column with a default."""

    dependencies = [
        ('search', '0010_an_adapter_or_a_record'),
    ]

    operations = [
        migrations.CreateModel(
            name='SearchTerms',
            fields=[
                ('entry', models.OneToOneField(db_column='rowid', on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='+', serialize=False, to='search.searchentry')),
                ('terms', catalog.search.fields.TermsField(db_column='search_terms')),
                ('weight', models.SmallIntegerField()),
                ('is_public', models.BooleanField()),
                ('is_derived', models.BooleanField()),
            ],
            options={
                'db_table': 'search_terms',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='FacetState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('counted_at', models.DateTimeField()),
                ('entries', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name='searchtext',
            name='head',
            field=models.TextField(blank=True, db_default=''),
        ),
        migrations.CreateModel(
            name='FacetCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('facet', models.CharField(max_length=20)),
                ('value', models.CharField(max_length=300)),
                ('folded', models.CharField(max_length=300)),
                ('count', models.PositiveIntegerField()),
            ],
            options={
                'indexes': [models.Index(fields=['facet', '-count', 'value'], name='values_by_count'), models.Index(fields=['facet', 'folded'], name='values_by_word', opclasses=['', 'varchar_pattern_ops'])],
                'constraints': [models.UniqueConstraint(fields=('facet', 'value'), name='one_count_per_value')],
            },
        ),
    ]
