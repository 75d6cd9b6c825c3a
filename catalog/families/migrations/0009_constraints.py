from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('families', '0008_adapters'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='basispart',
            constraint=models.UniqueConstraint(fields=('basis', 'module'), name='one_part_per_module'),
        ),
        migrations.AddConstraint(
            model_name='family',
            constraint=models.UniqueConstraint(fields=('namespace', 'folded'), name='one_family_per_folded_name'),
        ),
        migrations.AddConstraint(
            model_name='basis',
            constraint=models.UniqueConstraint(fields=('family', 'number'), name='one_basis_per_number'),
        ),
        migrations.AddConstraint(
            model_name='basis',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'ready'), _negated=True), ('blob__isnull', False), _connector='OR'), name='a_ready_basis_has_bytes'),
        ),
        migrations.AddConstraint(
            model_name='fit',
            constraint=models.UniqueConstraint(fields=('basis', 'revision'), name='one_fit_per_basis'),
        ),
        migrations.AddConstraint(
            model_name='member',
            constraint=models.UniqueConstraint(fields=('family', 'adapter'), name='one_membership_per_adapter'),
        ),
    ]
