"""Registers the ``access`` nouns with Django."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Application ``catalog.access``."""

    name = "catalog.access"
    label = "access"
