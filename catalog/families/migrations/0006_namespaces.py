import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('families', '0005_base_models'),
    ]

    operations = [
        migrations.AddField(
            model_name='family',
            name='namespace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='families', to='accounts.namespace'),
        ),
    ]
