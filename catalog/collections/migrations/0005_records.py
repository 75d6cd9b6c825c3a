import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0001_records'),
        ('collections', '0004_adapters'),
    ]

    operations = [
        migrations.AddField(
            model_name='collectionitem',
            name='record',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='collection_items', to='records.record'),
        ),
    ]
