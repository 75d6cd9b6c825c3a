"""An entry may stand for a record of another catalogue."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0001_records'),
        ('search', '0008_scores_of_entries'),
    ]

    operations = [
        migrations.AddField(
            model_name='searchentry',
            name='record',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='entry', to='records.record'),
        ),
    ]
