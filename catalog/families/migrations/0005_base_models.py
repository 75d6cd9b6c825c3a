import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bases', '0001_initial'),
        ('families', '0004_people'),
    ]

    operations = [
        migrations.AddField(
            model_name='family',
            name='base_model',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='families', to='bases.basemodel'),
        ),
    ]
