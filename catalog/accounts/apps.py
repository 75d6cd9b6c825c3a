"""Registers the ``accounts`` nouns with Django."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Application ``catalog.accounts``."""

    name = "catalog.accounts"
    label = "accounts"
