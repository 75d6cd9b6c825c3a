from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('derivations', '0005_adapters'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='derivation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'made'), _negated=True), ('revision__isnull', False), _connector='OR'), name='what_was_made_is_a_revision'),
        ),
        migrations.AddConstraint(
            model_name='parent',
            constraint=models.UniqueConstraint(fields=('derivation', 'place'), name='one_parent_per_place'),
        ),
    ]
