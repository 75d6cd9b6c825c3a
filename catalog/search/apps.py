"""Registers the ``search`` nouns with Django."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SearchConfig(AppConfig):
    """Application ``catalog.search``."""

    name = "catalog.search"
    label = "search"

    def ready(self) -> None:
        """Have the word index looked after whenever tables have changed."""
        from catalog.search.word_index import keep_triggers

        post_migrate.connect(keep_triggers, sender=self)
