"""A blob row becomes the lock of its digest. The database's defaults let code of the version before go on writing."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='blob',
            name='condemned_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='blob',
            name='scrubbed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='blob',
            name='state',
            field=models.CharField(choices=[('arriving', 'Arriving'), ('stored', 'Stored'), ('damaged', 'Damaged')], db_default='stored', default='stored', max_length=16),
        ),
        migrations.AddField(
            model_name='blob',
            name='touched_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AlterField(
            model_name='blob',
            name='git_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=40),
        ),
    ]
