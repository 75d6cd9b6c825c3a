from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluations', '0009_withdrawn_sets'),
    ]

    operations = [
        migrations.AddField(
            model_name='setrevision',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='setrevision',
            name='withdrawal_reason',
            field=models.CharField(blank=True, db_default='', max_length=500),
        ),
    ]
