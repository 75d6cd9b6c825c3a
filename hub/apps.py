"""Registers the hub with Django, and makes its Celery application the current one."""

from django.apps import AppConfig


class HubConfig(AppConfig):
    """Application ``hub``."""

    name = "hub"

    def ready(self) -> None:
        """Load the checks, the metrics, and the Celery application that tasks are sent through."""
        from hub import __version__, celery, checks, metrics  # noqa: F401

        metrics.begin(__version__)
