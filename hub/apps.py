"""Registers the hub with Django, and makes its Celery application the current one."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate

from catalog.migrating import end_migration, prepare_for_migration


class HubConfig(AppConfig):
    """Application ``hub``."""

    name = "hub"

    def ready(self) -> None:
        """Load the checks, the metrics, and the Celery application that tasks are sent through."""
        from hub import __version__, celery, checks, metrics  # noqa: F401

        metrics.begin(__version__)
        pre_migrate.connect(prepare_for_migration, dispatch_uid="limits of a migration")
        post_migrate.connect(end_migration, dispatch_uid="limits of a migration")
