import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('derivations', '0003_people'),
    ]

    operations = [
        migrations.AddField(
            model_name='derivation',
            name='revision',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='derivation', to='adapters.revision'),
        ),
        migrations.AddField(
            model_name='parent',
            name='revision',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='descents', to='adapters.revision'),
        ),
    ]
