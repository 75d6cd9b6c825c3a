from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluations', '0008_who_asked_for_evaluations'),
    ]

    operations = [
        migrations.AddField(
            model_name='evaluationset',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='evaluationset',
            name='withdrawal_reason',
            field=models.CharField(blank=True, db_default='', max_length=500),
        ),
    ]
