"""How far each worker's clock is off."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One small column, which code of the version before may leave out."""

    dependencies = [("jobs", "0002_priorities_events_and_workers")]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='clock_skew_seconds',
            field=models.FloatField(db_default=0.0, default=0.0),
        ),
    ]
