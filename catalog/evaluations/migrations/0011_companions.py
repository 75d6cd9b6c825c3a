import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0001_initial'),
        ('evaluations', '0010_withdrawn_set_revisions'),
    ]

    operations = [
        migrations.AddField(
            model_name='evaluation',
            name='companion',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='adapters.revision'),
        ),
    ]
