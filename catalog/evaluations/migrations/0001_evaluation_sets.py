import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='EvaluationSet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=96)),
                ('folded', models.CharField(editable=False, max_length=96)),
                ('visibility', models.CharField(choices=[('public', 'Public'), ('private', 'Private')], default='public', max_length=16)),
                ('summary', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('namespace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='evaluation_sets', to='accounts.namespace')),
            ],
            options={
                'ordering': ['namespace__name', 'name'],
            },
        ),
        migrations.AddConstraint(
            model_name='evaluationset',
            constraint=models.UniqueConstraint(fields=('namespace', 'folded'), name='one_set_per_folded_name'),
        ),
    ]
