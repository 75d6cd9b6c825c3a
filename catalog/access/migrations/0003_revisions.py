import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0002_adapters'),
        ('adapters', '0006_what_was_computed_from_others'),
    ]

    operations = [
        migrations.AddField(
            model_name='origin',
            name='revision',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='origins', to='adapters.revision'),
        ),
        migrations.AddField(
            model_name='origin',
            name='ancestor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='contained_in', to='adapters.revision'),
        ),
    ]
