"""The namespace of a waiver, and one waiver for each user and role."""

import django.db.models.deletion
from django.db import migrations, models

_ROLES = ['owner', 'reviewer', 'writer', 'reader']


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0005_waivers'),
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='waiver',
            name='namespace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='waivers', to='accounts.namespace'),
        ),
        migrations.AddConstraint(
            model_name='waiver',
            constraint=models.UniqueConstraint(fields=('namespace', 'user'), name='one_waiver_per_user'),
        ),
        migrations.AddConstraint(
            model_name='waiver',
            constraint=models.UniqueConstraint(condition=models.Q(('role', ''), _negated=True), fields=('namespace', 'role'), name='one_waiver_per_role'),
        ),
        migrations.AddConstraint(
            model_name='waiver',
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(('role__in', _ROLES), ('user', None)), models.Q(('role', ''), ('user__isnull', False)), _connector='OR'),
                name='a_waiver_is_for_a_user_or_a_role',
            ),
        ),
    ]
