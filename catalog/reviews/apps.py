"""Registers the ``reviews`` nouns with Django."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReviewsConfig(AppConfig):
    """Application ``catalog.reviews``."""

    name = "catalog.reviews"
    label = "reviews"

    def ready(self) -> None:
        """Have the audit log's triggers looked after whenever tables have changed."""
        from catalog.reviews.append_only import keep_guard

        post_migrate.connect(keep_guard, sender=self)
