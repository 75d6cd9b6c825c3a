import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('fits', '0001_shape_sets'),
        ('bases', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='BaseFit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('fits', 'Fits'), ('differs', 'Differs'), ('unknown', 'Unknown')], max_length=8)),
                ('checked', models.PositiveIntegerField(default=0)),
                ('unmatched', models.PositiveIntegerField(default=0)),
                ('finding', models.JSONField(blank=True, null=True)),
                ('base_digest', models.CharField(max_length=64)),
                ('base', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='fits', to='bases.basemodel')),
                ('shapes', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='fits', to='fits.shapeset')),
            ],
            options={
                'indexes': [models.Index(fields=['base', 'verdict'], name='fits_of_a_base')],
                'constraints': [models.UniqueConstraint(fields=('shapes', 'base'), name='compared_once')],
            },
        ),
    ]
