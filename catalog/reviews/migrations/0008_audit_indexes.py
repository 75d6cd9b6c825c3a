"""Indexes for reading the audit log by namespace, actor and action, built beside it."""

from django.db import migrations, models

from catalog.migrating import AddIndexBeside


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('reviews', '0007_namespaces_of_events'),
    ]

    operations = [
        AddIndexBeside(model_name='auditevent', index=models.Index(fields=['namespace', '-id'], name='audit_of_namespace')),
        AddIndexBeside(model_name='auditevent', index=models.Index(fields=['actor', '-id'], name='audit_of_actor')),
        AddIndexBeside(model_name='auditevent', index=models.Index(fields=['action', '-id'], name='audit_of_action')),
    ]
