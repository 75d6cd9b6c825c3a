"""An index for each filter and sorting that has none; built beside the running hub."""

import django.db.models.functions.text
from django.db import migrations, models

from catalog.migrating import AddIndexBeside


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [('search', '0012_fill_word_index')]

    operations = [
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['architecture', '-downloads', '-id'], name='entry_by_architecture'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['rank', '-downloads', '-id'], name='entry_by_rank'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['size_bytes'], name='entry_by_size'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['shape_digest', '-downloads', '-id'], name='entry_by_shapes'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(condition=models.Q(('gain__isnull', False)), fields=['-gain', '-id'], name='entry_by_gain'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(condition=models.Q(('best_score__isnull', False)), fields=['-best_score', '-id'], name='entry_by_best_score'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(condition=models.Q(('is_public', False)), fields=['namespace', '-downloads'], name='entry_private'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(condition=models.Q(('is_derived', True)), fields=['-downloads'], name='entry_derived'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(condition=models.Q(('adapter__isnull', True)), fields=['-downloads'], name='entry_elsewhere'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(django.db.models.functions.text.Left('short_name', 3), models.OrderBy(models.F('downloads'), descending=True), models.OrderBy(models.F('id'), descending=True), name='entry_by_first_letters'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['short_name'], name='entry_by_short_name', opclasses=['varchar_pattern_ops']),
        ),
    ]
