import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('collections', '0001_collections'),
    ]

    operations = [
        migrations.AddField(
            model_name='collection',
            name='namespace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='collections', to='accounts.namespace'),
        ),
    ]
