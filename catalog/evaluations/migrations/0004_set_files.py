import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('evaluations', '0003_set_revisions'),
    ]

    operations = [
        migrations.CreateModel(
            name='SetFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('split', models.CharField(max_length=20)),
                ('path', models.CharField(max_length=300)),
                ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='set_files', to='adapters.blob')),
                ('revision', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='evaluations.setrevision')),
            ],
            options={
                'ordering': ['split'],
            },
        ),
        migrations.AddConstraint(
            model_name='setfile',
            constraint=models.UniqueConstraint(fields=('revision', 'split'), name='one_set_file_per_split'),
        ),
    ]
