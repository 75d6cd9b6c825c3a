import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('removals', '0002_adapters'),
        ('adapters', '0006_what_was_computed_from_others'),
    ]

    operations = [
        migrations.AddField(
            model_name='withdrawal',
            name='revision',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='withdrawal', to='adapters.revision'),
        ),
        migrations.AddField(
            model_name='withdrawal',
            name='cause',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='adapters.revision'),
        ),
    ]
