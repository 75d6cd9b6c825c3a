from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collections', '0005_records'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='collection',
            constraint=models.UniqueConstraint(fields=('namespace', 'folded'), name='one_collection_per_folded_name'),
        ),
        migrations.AddConstraint(
            model_name='collectionrevision',
            constraint=models.UniqueConstraint(fields=('collection', 'number'), name='one_revision_per_number'),
        ),
        migrations.AddConstraint(
            model_name='collectionitem',
            constraint=models.UniqueConstraint(fields=('revision', 'position'), name='one_item_per_place'),
        ),
        migrations.AddConstraint(
            model_name='collectionitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('adapter__isnull', False), ('record__isnull', True)), models.Q(('adapter__isnull', True), ('record__isnull', False)), _connector='OR'), name='an_item_is_an_adapter_or_a_record'),
        ),
    ]
