"""Dead letters that somebody has seen to."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column, which code of the version before leaves out, and one more kind of event."""

    dependencies = [("jobs", "0003_workers_clocks")]

    operations = [
        migrations.AddField(
            model_name='job',
            name='acknowledged_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='jobevent',
            name='kind',
            field=models.CharField(
                choices=[
                    ('claimed', 'Claimed'),
                    ('attempt_failed', 'Attempt Failed'),
                    ('lease_lost', 'Lease Lost'),
                    ('given_back', 'Given Back'),
                    ('cancel_requested', 'Cancel Requested'),
                    ('retried', 'Retried'),
                    ('acknowledged', 'Acknowledged'),
                    ('succeeded', 'Succeeded'),
                    ('failed', 'Failed'),
                    ('cancelled', 'Cancelled'),
                ],
                max_length=20,
            ),
        ),
    ]
