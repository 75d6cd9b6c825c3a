"""Registers the ``uploads`` nouns with Django."""

from django.apps import AppConfig


class UploadsConfig(AppConfig):
    """Application ``catalog.uploads``."""

    name = "catalog.uploads"
    label = "uploads"
