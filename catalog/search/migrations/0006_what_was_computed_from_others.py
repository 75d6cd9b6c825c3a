from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0005_without_words_and_old_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='searchentry',
            name='is_derived',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
