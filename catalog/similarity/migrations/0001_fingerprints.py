import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
    ]

    operations = [
        migrations.CreateModel(
            name='Fingerprint',
            fields=[
                ('revision', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='fingerprint', serialize=False, to='adapters.revision')),
                ('space', models.CharField(max_length=64)),
                ('version', models.PositiveSmallIntegerField()),
                ('tensors_digest', models.CharField(max_length=64)),
                ('layout', models.CharField(blank=True, max_length=64)),
                ('update_code', models.BinaryField(default=bytes)),
                ('initial_a_code', models.BinaryField(default=bytes)),
                ('norm', models.FloatField(default=0.0)),
                ('modules', models.PositiveIntegerField(default=0)),
                ('is_partial', models.BooleanField(default=False)),
                ('factors', models.JSONField(default=dict)),
                ('skipped', models.JSONField(blank=True, null=True)),
                ('made_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'indexes': [models.Index(fields=['space', 'version'], name='fingerprints_to_compare'), models.Index(fields=['layout'], name='fingerprints_by_layout'), models.Index(fields=['tensors_digest'], name='fingerprints_by_tensors')],
            },
        ),
    ]
