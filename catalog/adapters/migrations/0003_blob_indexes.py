"""Two small indexes, built beside the running hub where the database can (PostgreSQL)."""

from django.db import migrations, models
from django.db.models import Q

INDEXES = [
    models.Index(condition=Q(('state', 'stored'), _negated=True), fields=['state'], name='blobs_not_stored'),
    models.Index(condition=Q(('condemned_at__isnull', False)), fields=['condemned_at'], name='blobs_condemned'),
]


def build(apps, schema_editor):
    model = apps.get_model('adapters', 'Blob')
    options = {'concurrently': True} if schema_editor.connection.vendor == 'postgresql' else {}
    for index in INDEXES:
        schema_editor.add_index(model, index, **options)


def drop(apps, schema_editor):
    model = apps.get_model('adapters', 'Blob')
    options = {'concurrently': True} if schema_editor.connection.vendor == 'postgresql' else {}
    for index in INDEXES:
        schema_editor.remove_index(model, index, **options)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('adapters', '0002_blob_states'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddIndex('Blob', index) for index in INDEXES],
            database_operations=[migrations.RunPython(build, drop)],
        ),
    ]
