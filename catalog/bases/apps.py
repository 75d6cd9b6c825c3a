"""Registers the ``bases`` nouns with Django."""

from django.apps import AppConfig


class BasesConfig(AppConfig):
    """Application ``catalog.bases``."""

    name = "catalog.bases"
    label = "bases"
