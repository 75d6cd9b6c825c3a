from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('removals', '0006_jobs'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='withdrawal',
            constraint=models.CheckConstraint(condition=models.Q(revision__isnull=True, basis__isnull=False) | models.Q(revision__isnull=False, basis__isnull=True), name='a_withdrawal_is_of_a_revision_or_a_basis'),
        ),
    ]
