"""An entry stands for one thing."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0009_entries_of_records'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='searchentry',
            constraint=models.CheckConstraint(condition=models.Q(('adapter__isnull', False), ('record__isnull', False), _connector='XOR'), name='entry_of_an_adapter_or_a_record'),
        ),
    ]
