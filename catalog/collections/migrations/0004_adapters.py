import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0001_initial'),
        ('collections', '0003_people'),
    ]

    operations = [
        migrations.AddField(
            model_name='collectionitem',
            name='adapter',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='collection_items', to='adapters.adapter'),
        ),
    ]
