import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('fits', '0002_fits_of_bases'),
        ('adapters', '0006_what_was_computed_from_others'),
    ]

    operations = [
        migrations.CreateModel(
            name='RevisionShapes',
            fields=[
                ('revision', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='shapes', serialize=False, to='adapters.revision')),
                ('shapes', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='revisions', to='fits.shapeset')),
            ],
        ),
    ]
