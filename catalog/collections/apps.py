"""Registers the ``collections`` noun with Django."""

from django.apps import AppConfig


class CollectionsConfig(AppConfig):
    """Application ``catalog.collections``."""

    name = "catalog.collections"
    label = "collections"
