"""Registers the ``jobs`` nouns with Django."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Application ``catalog.jobs``."""

    name = "catalog.jobs"
    label = "jobs"
