"""Wiring of Adapter Hub: settings, URLs, the HTTP API and the Celery application."""

__version__ = "0.1.0"
