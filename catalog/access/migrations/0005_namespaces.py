import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_people'),
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='grant',
            name='namespace',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='accounts.namespace'),
        ),
    ]
