"""Filters by a base model, alone or with a method, rank or date: answered from an index alone."""

from django.db import migrations, models

from catalog.migrating import AddIndexBeside, RemoveIndexBeside


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('search', '0018_labels_of_every_domain')]

    operations = [
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['base_model', '-downloads', '-id', 'method', 'rank', 'published_at', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_base_model'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['base_model', 'method', '-downloads', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_base_method'),
        ),
        RemoveIndexBeside(model_name='searchentry', name='entries_of_base'),
    ]
