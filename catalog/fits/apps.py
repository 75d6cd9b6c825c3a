"""Registers the ``fits`` nouns with Django."""

from django.apps import AppConfig


class FitsConfig(AppConfig):
    """Application ``catalog.fits``."""

    name = "catalog.fits"
    label = "fits"
