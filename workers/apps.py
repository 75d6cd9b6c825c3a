"""Registers the workers with Django."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Application ``workers``."""

    name = "workers"
