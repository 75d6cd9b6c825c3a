"""Registers the pages with Django."""

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    """Application ``frontend``."""

    name = "frontend"
