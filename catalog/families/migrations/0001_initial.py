import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Basis',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('ready', 'Ready'), ('failed', 'Failed'), ('withdrawn', 'Withdrawn')], default='waiting', max_length=16)),
                ('method', models.CharField(max_length=20)),
                ('recipe', models.JSONField(default=dict)),
                ('made_with', models.JSONField(default=dict)),
                ('report', models.JSONField(default=dict)),
                ('curve', models.JSONField(default=list)),
                ('error', models.JSONField(blank=True, null=True)),
                ('size_bytes', models.BigIntegerField(default=0)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('made_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='Family',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=96)),
                ('folded', models.CharField(editable=False, max_length=96)),
                ('visibility', models.CharField(choices=[('public', 'Public'), ('private', 'Private')], default='public', max_length=16)),
                ('summary', models.CharField(blank=True, max_length=300)),
                ('rule', models.JSONField(default=dict)),
                ('settings', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('current', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='families.basis')),
            ],
            options={
                'ordering': ['namespace__name', 'name'],
            },
        ),
        migrations.CreateModel(
            name='Fit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('compressed', 'Compressed'), ('waiting', 'Waiting'), ('uncompressed', 'Uncompressed'), ('withdrawn', 'Withdrawn')], max_length=16)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('is_projected', models.BooleanField(default=False)),
                ('cluster', models.PositiveIntegerField(default=0)),
                ('size_bytes', models.BigIntegerField(default=0)),
                ('original_bytes', models.BigIntegerField(default=0)),
                ('relative_squared_error', models.FloatField()),
                ('module_errors', models.JSONField(default=dict)),
                ('scores', models.JSONField(default=list)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('basis', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fits', to='families.basis')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('consent', models.CharField(choices=[('asked', 'Asked'), ('given', 'Given'), ('refused', 'Refused')], default='asked', max_length=16)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('added_at', models.DateTimeField(auto_now_add=True)),
                ('family', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='families.family')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='BasisPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('module', models.CharField(max_length=300)),
                ('report', models.JSONField(default=dict)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('basis', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='families.basis')),
            ],
            options={
                'ordering': ['module'],
            },
        ),
        migrations.AddField(
            model_name='basis',
            name='family',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bases', to='families.family'),
        ),
    ]
