from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0005_namespaces'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.UniqueConstraint(fields=('adapter', 'user'), name='one_grant_per_user'),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.UniqueConstraint(fields=('adapter', 'namespace'), name='one_grant_per_namespace'),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.CheckConstraint(condition=Q(user__isnull=True, namespace__isnull=False) | Q(user__isnull=False, namespace__isnull=True), name='a_grant_is_for_a_user_or_a_namespace'),
        ),
        migrations.AddConstraint(
            model_name='origin',
            constraint=models.UniqueConstraint(fields=('revision', 'ancestor'), name='one_origin_per_ancestor'),
        ),
    ]
