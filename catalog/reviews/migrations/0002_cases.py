"""Threads and cases: a revision before its reviewers, and what is said about it over several pushes."""

import django.db.models.deletion
from django.db import migrations, models

_DECISIONS = [('approve', 'Approve'), ('reject', 'Reject'), ('ask_changes', 'Ask Changes')]


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0001_initial'),
        ('adapters', '0007_returned_revisions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Thread',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(blank=True, max_length=64)),
                ('priority', models.PositiveSmallIntegerField(choices=[(1, 'Urgent'), (2, 'High'), (3, 'Normal'), (4, 'Low')], default=3)),
                ('warnings', models.PositiveSmallIntegerField(default=0)),
                ('disagreements', models.PositiveSmallIntegerField(default=0)),
                ('is_first', models.BooleanField(default=False)),
                ('entered_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('decision', models.CharField(blank=True, choices=_DECISIONS, max_length=16)),
                ('waited_seconds', models.PositiveIntegerField(blank=True, null=True)),
                ('is_answered', models.BooleanField(default=False)),
                ('revision', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='case', to='adapters.revision')),
                ('thread', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='reviews.thread')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('closed_at', None)), fields=['priority', 'entered_at', 'id'], name='cases_open'),
                    models.Index(condition=models.Q(('decision', ''), _negated=True), fields=['closed_at'], name='cases_decided'),
                ],
            },
        ),
        migrations.AlterField(
            model_name='review',
            name='decision',
            field=models.CharField(choices=_DECISIONS, max_length=16),
        ),
    ]
