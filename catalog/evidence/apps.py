"""Registers the ``evidence`` noun with Django."""

from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    """Application ``catalog.evidence``."""

    name = "catalog.evidence"
    label = "evidence"
