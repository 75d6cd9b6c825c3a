"""The log of publications begins with everything that is published already."""

from django.db import migrations

_BATCH = 1000


def write_log(apps, schema_editor):
    version_model = apps.get_model('adapters', 'Version')
    publication = apps.get_model('adapters', 'Publication')
    versions = version_model.objects.exclude(published_at=None).select_related('adapter__namespace', 'revision')
    last = 0
    while batch := list(versions.filter(pk__gt=last).order_by('pk')[:_BATCH]):
        publication.objects.bulk_create(
            [
                publication(
                    full_name=f'{version.adapter.namespace.name}/{version.adapter.name}',
                    version=version.name,
                    commit_id=version.revision.commit_id,
                    published_at=version.published_at,
                )
                for version in batch
            ],
            ignore_conflicts=True,
        )
        last = batch[-1].pk


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('adapters', '0004_publications'),
        ('accounts', '0001_initial'),
    ]

    operations = [migrations.RunPython(write_log, migrations.RunPython.noop)]
