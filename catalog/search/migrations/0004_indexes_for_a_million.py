"""One index for each filter in the order of the page; built beside the running hub."""

import django.db.models.functions.text
from django.db import migrations, models

from catalog.migrating import AddIndexBeside


class Migration(migrations.Migration):
    """May run again after an interruption."""

    atomic = False

    dependencies = [("search", "0003_move_words")]

    operations = [
        AddIndexBeside(
            model_name='downloadcount',
            index=models.Index(condition=models.Q(('count', models.F('carried')), _negated=True), fields=['id'], name='counts_to_carry'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['namespace', '-downloads', '-id'], name='entry_by_namespace'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['base_model', '-downloads', '-id'], name='entry_by_base'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['method', '-downloads', '-id'], name='entry_by_method'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(fields=['task', '-downloads', '-id'], name='entry_by_task'),
        ),
        AddIndexBeside(
            model_name='searchentry',
            index=models.Index(django.db.models.functions.text.Upper('license'), models.OrderBy(models.F('downloads'), descending=True), models.OrderBy(models.F('id'), descending=True), name='entry_by_license'),
        ),
    ]
