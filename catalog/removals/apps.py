"""Registers the ``removals`` nouns with Django."""

from django.apps import AppConfig


class RemovalsConfig(AppConfig):
    """Application ``catalog.removals``."""

    name = "catalog.removals"
    label = "removals"
