from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('uploads', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='uploadfile',
            name='multipart',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
    ]
