import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('removals', '0003_revisions'),
        ('families', '0009_constraints'),
    ]

    operations = [
        migrations.AddField(
            model_name='withdrawal',
            name='basis',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='withdrawal', to='families.basis'),
        ),
    ]
