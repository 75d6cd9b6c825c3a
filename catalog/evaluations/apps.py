"""Registers the ``evaluations`` noun with Django."""

from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    """Application ``catalog.evaluations``."""

    name = "catalog.evaluations"
    label = "evaluations"
