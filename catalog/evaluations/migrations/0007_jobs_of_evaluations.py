import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluations', '0006_evaluations_of_revisions'),
        ('jobs', '0003_workers_clocks'),
    ]

    operations = [
        migrations.AddField(
            model_name='evaluation',
            name='job',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='evaluations', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='uncertainty',
            name='job',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='uncertainties', to='jobs.job'),
        ),
    ]
