"""Registers the ``records`` noun with Django."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """Application ``catalog.records``."""

    name = "catalog.records"
    label = "records"
