from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
    ]

    operations = [
        migrations.AddField(
            model_name='revision',
            name='is_derived',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
