import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Derivation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('merge', 'Merge'), ('reduce', 'Reduce'), ('extract', 'Extract'), ('decompress', 'Decompress'), ('adapt', 'Adapt'), ('transfer', 'Transfer')], max_length=16)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('made', 'Made'), ('failed', 'Failed')], default='waiting', max_length=16)),
                ('version', models.CharField(blank=True, max_length=64)),
                ('recipe', models.JSONField(default=dict)),
                ('made_with', models.JSONField(default=dict)),
                ('report', models.JSONField(default=dict)),
                ('error', models.JSONField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('made_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='Parent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveIntegerField()),
                ('role', models.CharField(default='member', max_length=16)),
                ('full_name', models.CharField(max_length=200)),
                ('version', models.CharField(blank=True, max_length=64)),
                ('commit_id', models.CharField(max_length=40)),
                ('digests', models.JSONField(default=dict)),
                ('weight', models.FloatField(blank=True, null=True)),
                ('derivation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parents', to='derivations.derivation')),
            ],
            options={
                'ordering': ['place'],
            },
        ),
    ]
