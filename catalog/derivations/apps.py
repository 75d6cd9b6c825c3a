"""Registers the ``derivations`` noun with Django."""

from django.apps import AppConfig


class DerivationsConfig(AppConfig):
    """Application ``catalog.derivations``."""

    name = "catalog.derivations"
    label = "derivations"
