from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collections', '0006_constraints'),
    ]

    operations = [
        migrations.AddField(
            model_name='collectionrevision',
            name='description',
            field=models.TextField(blank=True, db_default=''),
        ),
        migrations.AddField(
            model_name='collectionrevision',
            name='summary',
            field=models.CharField(blank=True, db_default='', max_length=300),
        ),
    ]
