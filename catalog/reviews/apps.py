"""Registers the ``reviews`` nouns with Django."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    """Application ``catalog.reviews``."""

    name = "catalog.reviews"
    label = "reviews"
