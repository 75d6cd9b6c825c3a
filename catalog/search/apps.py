"""Registers the ``search`` nouns with Django."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """Application ``catalog.search``."""

    name = "catalog.search"
    label = "search"
