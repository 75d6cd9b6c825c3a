import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('evaluations', '0001_evaluation_sets'),
    ]

    operations = [
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('task', models.CharField(blank=True, max_length=80)),
                ('language', models.CharField(blank=True, max_length=35)),
                ('largest_drop', models.FloatField(blank=True, null=True)),
                ('most_negative_flips', models.FloatField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('evaluation_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='policies', to='evaluations.evaluationset')),
                ('namespace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evaluation_policies', to='accounts.namespace')),
            ],
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.UniqueConstraint(fields=('namespace', 'evaluation_set', 'task', 'language'), name='one_policy_per_set_and_scope'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(('largest_drop__isnull', True), ('largest_drop__gte', 0), _connector='OR'), name='a_drop_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(('most_negative_flips__isnull', True), ('most_negative_flips__range', (0, 1)), _connector='OR'), name='flips_are_a_share_of_the_rows'),
        ),
    ]
