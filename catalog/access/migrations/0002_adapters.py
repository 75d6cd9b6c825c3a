import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0001_initial'),
        ('adapters', '0006_what_was_computed_from_others'),
    ]

    operations = [
        migrations.AddField(
            model_name='grant',
            name='adapter',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='adapters.adapter'),
        ),
    ]
