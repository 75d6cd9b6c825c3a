import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('evaluations', '0005_evaluations'),
    ]

    operations = [
        migrations.CreateModel(
            name='Uncertainty',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('measured', 'Measured'), ('failed', 'Failed')], default='waiting', max_length=16)),
                ('settings', models.JSONField(default=dict)),
                ('error', models.JSONField(blank=True, null=True)),
                ('sigma', models.FloatField(blank=True, null=True)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('used', models.JSONField(default=dict)),
                ('versions', models.JSONField(default=dict)),
                ('seconds', models.FloatField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('measured_at', models.DateTimeField(blank=True, null=True)),
                ('revision', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uncertainties', to='adapters.revision')),
                ('set_revision', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uncertainties', to='evaluations.setrevision')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='evaluation',
            name='revision',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='evaluations', to='adapters.revision'),
        ),
        migrations.AddIndex(
            model_name='evaluation',
            index=models.Index(fields=['revision', 'set_revision', '-measured_at'], name='evaluation_newest'),
        ),
    ]
