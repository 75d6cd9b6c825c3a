import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Record',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=40)),
                ('path', models.CharField(max_length=150)),
                ('title', models.CharField(max_length=200)),
                ('summary', models.CharField(blank=True, max_length=300)),
                ('description', models.TextField(blank=True)),
                ('link', models.URLField(blank=True, max_length=600)),
                ('author', models.CharField(blank=True, max_length=300)),
                ('base_name', models.CharField(blank=True, max_length=300)),
                ('architecture', models.CharField(blank=True, max_length=60)),
                ('method', models.CharField(blank=True, max_length=60)),
                ('task', models.CharField(blank=True, max_length=80)),
                ('languages', models.JSONField(default=list)),
                ('tags', models.JSONField(default=list)),
                ('license', models.CharField(blank=True, max_length=200)),
                ('default_version', models.CharField(blank=True, max_length=100)),
                ('claims', models.JSONField(default=dict)),
                ('notes', models.JSONField(default=list)),
                ('digest', models.CharField(max_length=64)),
                ('provenance', models.JSONField(default=dict)),
                ('imported_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField()),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['source', 'path'],
                'constraints': [models.UniqueConstraint(fields=('source', 'path'), name='one_record_per_source_path')],
            },
        ),
        migrations.CreateModel(
            name='RecordVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=100)),
                ('url', models.CharField(blank=True, max_length=1000)),
                ('sha1', models.CharField(blank=True, max_length=40)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('description', models.TextField(blank=True)),
                ('score', models.FloatField(blank=True, null=True)),
                ('record', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='records.record')),
            ],
            options={
                'ordering': ['position'],
                'indexes': [models.Index(fields=['sha256'], name='record_version_by_sha256')],
                'constraints': [models.UniqueConstraint(fields=('record', 'position'), name='one_version_per_place')],
            },
        ),
    ]
