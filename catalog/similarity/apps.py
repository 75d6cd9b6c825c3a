"""Registers the ``similarity`` noun with Django."""

from django.apps import AppConfig


class SimilarityConfig(AppConfig):
    """Application ``catalog.similarity``."""

    name = "catalog.similarity"
    label = "similarity"
