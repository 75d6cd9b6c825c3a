"""Registers the ``families`` noun with Django."""

from django.apps import AppConfig


class FamiliesConfig(AppConfig):
    """Application ``catalog.families``."""

    name = "catalog.families"
    label = "families"
