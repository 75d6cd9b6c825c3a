import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('derivations', '0001_initial'),
        ('jobs', '0003_workers_clocks'),
    ]

    operations = [
        migrations.AddField(
            model_name='derivation',
            name='job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='derivations', to='jobs.job'),
        ),
    ]
