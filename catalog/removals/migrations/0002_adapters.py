import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('removals', '0001_initial'),
        ('adapters', '0006_what_was_computed_from_others'),
    ]

    operations = [
        migrations.AddField(
            model_name='removal',
            name='adapter',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='removals', to='adapters.adapter'),
        ),
    ]
