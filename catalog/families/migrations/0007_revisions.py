import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('families', '0006_namespaces'),
    ]

    operations = [
        migrations.AddField(
            model_name='fit',
            name='revision',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='fits', to='adapters.revision'),
        ),
    ]
