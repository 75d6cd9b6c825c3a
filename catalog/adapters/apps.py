"""Registers the ``adapters`` nouns with Django."""

from django.apps import AppConfig


class AdaptersConfig(AppConfig):
    """Application ``catalog.adapters``."""

    name = "catalog.adapters"
    label = "adapters"
