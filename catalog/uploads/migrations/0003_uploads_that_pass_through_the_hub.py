"""An upload may ask that every byte passes through the hub."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column with a default in the database, since old code still writes rows during an upgrade."""

    dependencies = [("uploads", "0002_files_that_go_to_the_store_directly")]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="is_direct",
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
