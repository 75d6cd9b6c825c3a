"""Without the indexes that others have replaced."""

from django.db import migrations

from catalog.migrating import RemoveIndexBeside


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('search', '0016_indexes_that_count')]

    operations = [
        RemoveIndexBeside(model_name='searchentry', name='entry_by_namespace'),
        RemoveIndexBeside(model_name='searchentry', name='entry_by_base'),
        RemoveIndexBeside(model_name='searchentry', name='entry_by_method'),
        RemoveIndexBeside(model_name='searchentry', name='entry_by_task'),
        RemoveIndexBeside(model_name='searchentry', name='entry_by_architecture'),
        RemoveIndexBeside(model_name='searchentry', name='entry_by_rank'),
        RemoveIndexBeside(model_name='searchentry', name='entry_by_size'),
        RemoveIndexBeside(model_name='searchentry', name='entry_by_shapes'),
    ]
