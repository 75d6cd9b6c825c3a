import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('removals', '0005_people'),
        ('jobs', '0003_workers_clocks'),
    ]

    operations = [
        migrations.AddField(
            model_name='removal',
            name='job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='removals', to='jobs.job'),
        ),
    ]
