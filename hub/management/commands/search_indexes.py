"""``manage.py search_indexes``: the indexes of the text search, once an administrator has made the extension."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from catalog.search.trigrams import make_trigram_indexes


class Command(BaseCommand):
    """Make what a migration could not make for want of pg_trgm; nothing happens to what exists."""

    help = "Make the trigram indexes of the text search, on PostgreSQL"

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError where the database has no pg_trgm."""
        if connection.vendor != "postgresql":
            self.stdout.write("Nothing to do: only PostgreSQL has trigram indexes.")
        elif make_trigram_indexes(connection):
            self.stdout.write("The text search has its indexes.")
        else:
            raise CommandError("pg_trgm is missing; as a superuser of this database: CREATE EXTENSION pg_trgm;")
