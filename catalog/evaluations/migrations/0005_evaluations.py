import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bases', '0001_initial'),
        ('evaluations', '0004_set_files'),
    ]

    operations = [
        migrations.CreateModel(
            name='Evaluation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('measured', 'Measured'), ('failed', 'Failed')], default='waiting', max_length=16)),
                ('cause', models.CharField(choices=[('request', 'Request'), ('policy', 'Policy'), ('baseline', 'Baseline')], default='request', max_length=16)),
                ('settings', models.JSONField(default=dict)),
                ('error', models.JSONField(blank=True, null=True)),
                ('metrics', models.JSONField(default=dict)),
                ('score', models.FloatField(blank=True, null=True)),
                ('score_low', models.FloatField(blank=True, null=True)),
                ('score_high', models.FloatField(blank=True, null=True)),
                ('efficiency', models.JSONField(default=dict)),
                ('predictions_digest', models.CharField(blank=True, max_length=64)),
                ('used', models.JSONField(default=dict)),
                ('versions', models.JSONField(default=dict)),
                ('seconds', models.FloatField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('measured_at', models.DateTimeField(blank=True, null=True)),
                ('base_model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='evaluations', to='bases.basemodel')),
                ('set_revision', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evaluations', to='evaluations.setrevision')),
            ],
        ),
        migrations.CreateModel(
            name='Predictions',
            fields=[
                ('evaluation', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='predictions', serialize=False, to='evaluations.evaluation')),
                ('deflated', models.BinaryField()),
            ],
        ),
        migrations.AddIndex(
            model_name='evaluation',
            index=models.Index(fields=['set_revision', 'base_model', '-score'], name='evaluation_leaders'),
        ),
        migrations.AddIndex(
            model_name='evaluation',
            index=models.Index(fields=['-created_at', '-id'], name='evaluation_listing'),
        ),
    ]
