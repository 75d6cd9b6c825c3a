"""The indexes of filters again, with what decides who may see an entry: they count without looking at entries."""

from django.db import migrations, models

from catalog.migrating import AddIndexBeside


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('search', '0015_narrow_rows')]

    operations = [
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['namespace', '-downloads', '-id', 'revision', 'adapter', 'is_public', 'is_derived'], name='entries_of_namespace'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['base_model', '-downloads', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_base'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['method', '-downloads', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_method'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['task', '-downloads', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_task'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['architecture', '-downloads', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_architecture'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['rank', '-downloads', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_rank'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['size_bytes', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_size'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['shape_digest', '-downloads', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_shapes'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(condition=models.Q(('best_score__isnull', False)), fields=['base_model', '-best_score', '-id', 'revision', 'namespace', 'adapter', 'is_public', 'is_derived'], name='entries_of_base_by_score'),
        ),
    ]
