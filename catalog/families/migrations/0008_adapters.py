import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('families', '0007_revisions'),
    ]

    operations = [
        migrations.AddField(
            model_name='member',
            name='adapter',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='adapters.adapter'),
        ),
    ]
