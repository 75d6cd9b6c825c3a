"""Registers the ``retention`` nouns with Django."""

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    """Application ``catalog.retention``."""

    name = "catalog.retention"
    label = "retention"
