"""Where it happened: the audit log by namespace. The release before writes lines without it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0006_waivers_of_namespaces'),
    ]

    operations = [
        migrations.AddField(
            model_name='auditevent',
            name='namespace',
            field=models.CharField(blank=True, db_default='', default='', max_length=96),
        ),
    ]
