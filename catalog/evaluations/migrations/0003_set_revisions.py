import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '__first__'),
        ('evaluations', '0002_policies'),
    ]

    operations = [
        migrations.CreateModel(
            name='SetRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('harness', models.CharField(choices=[('sequence_classification', 'Sequence Classification'), ('token_classification', 'Token Classification'), ('embeddings', 'Embeddings'), ('similarity', 'Similarity'), ('generation', 'Generation'), ('language_model', 'Language Model')], max_length=32)),
                ('metric', models.CharField(max_length=40)),
                ('task', models.CharField(blank=True, max_length=80)),
                ('languages', models.JSONField(default=list)),
                ('license', models.CharField(blank=True, max_length=200)),
                ('labels', models.JSONField(default=list)),
                ('columns', models.JSONField(default=dict)),
                ('template', models.TextField(blank=True)),
                ('options', models.JSONField(default=dict)),
                ('is_hidden', models.BooleanField(default=False)),
                ('rows', models.PositiveIntegerField()),
                ('size_bytes', models.BigIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('evaluation_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='evaluations.evaluationset')),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.AddConstraint(
            model_name='setrevision',
            constraint=models.UniqueConstraint(fields=('evaluation_set', 'number'), name='one_set_revision_per_number'),
        ),
        migrations.AddConstraint(
            model_name='setrevision',
            constraint=models.UniqueConstraint(fields=('evaluation_set', 'digest'), name='one_set_revision_per_digest'),
        ),
    ]
