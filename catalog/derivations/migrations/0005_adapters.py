import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('derivations', '0004_revisions'),
    ]

    operations = [
        migrations.AddField(
            model_name='derivation',
            name='target',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='derivations', to='adapters.adapter'),
        ),
    ]
