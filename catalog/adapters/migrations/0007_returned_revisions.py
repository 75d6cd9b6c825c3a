"""One more state: a reviewer asked for changes. The column stays as it is."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0006_what_was_computed_from_others'),
    ]

    operations = [
        migrations.AlterField(
            model_name='revision',
            name='state',
            field=models.CharField(
                choices=[
                    ('validating', 'Validating'),
                    ('invalid', 'Invalid'),
                    ('pending', 'Pending'),
                    ('rejected', 'Rejected'),
                    ('returned', 'Returned'),
                    ('published', 'Published'),
                    ('yanked', 'Yanked'),
                    ('withdrawn', 'Withdrawn'),
                ],
                default='validating',
                max_length=16,
            ),
        ),
    ]
