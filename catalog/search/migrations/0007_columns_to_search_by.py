"""What filters and sortings ask for; an entry may be a record, which has no adapter."""

import django.db.models.deletion
from django.db import migrations, models

from catalog.migrating import AllowNull


class Migration(migrations.Migration):
    """New columns with a default, and three that may be empty."""

    dependencies = [
        ('search', '0006_what_was_computed_from_others'),
    ]

    operations = [
        migrations.AddField(
            model_name='searchentry',
            name='architecture',
            field=models.CharField(blank=True, db_default='', max_length=80),
        ),
        migrations.AddField(
            model_name='searchentry',
            name='best_score',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='searchentry',
            name='domain',
            field=models.CharField(blank=True, db_default='', max_length=80),
        ),
        migrations.AddField(
            model_name='searchentry',
            name='gain',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='searchentry',
            name='modality',
            field=models.CharField(blank=True, db_default='', max_length=80),
        ),
        migrations.AddField(
            model_name='searchentry',
            name='shape_digest',
            field=models.CharField(blank=True, db_default='', max_length=64),
        ),
        migrations.AddField(
            model_name='searchentry',
            name='short_name',
            field=models.CharField(db_default='', default='', max_length=200),
        ),
        AllowNull(
            model_name='searchentry',
            name='adapter',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='entry', to='adapters.adapter'),
        ),
        AllowNull(
            model_name='searchentry',
            name='namespace',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.namespace'),
        ),
        AllowNull(
            model_name='searchentry',
            name='revision',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='adapters.revision'),
        ),
    ]
