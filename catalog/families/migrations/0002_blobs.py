import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('families', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='basis',
            name='blob',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bases', to='adapters.blob'),
        ),
        migrations.AddField(
            model_name='fit',
            name='blob',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='fits', to='adapters.blob'),
        ),
        migrations.AddField(
            model_name='basispart',
            name='blob',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='basis_parts', to='adapters.blob'),
        ),
    ]
