import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adapters', '0005_log_what_was_published'),
        ('evaluations', '0007_evaluation_requested_by'),
    ]

    operations = [
        migrations.AddField(
            model_name='evaluation',
            name='revision',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='evaluations', to='adapters.revision'),
        ),
        migrations.AddIndex(
            model_name='evaluation',
            index=models.Index(fields=['revision', 'set_revision', '-measured_at'], name='evaluation_newest'),
        ),
    ]
