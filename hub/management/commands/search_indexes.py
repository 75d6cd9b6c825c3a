"""``manage.py search_indexes``: what the search lacks of words, indexes and counts is made beside the running hub."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from catalog.migrating import end_migration, prepare_for_migration
from catalog.search.floors import make_floors
from catalog.search.totals import recount
from catalog.search.trigrams import make_trigram_index
from catalog.search.word_index import fill, make_indexes, make_table


class Command(BaseCommand):
    """After texts were written past the hub, or once an administrator has made pg_trgm; what exists stays."""

    help = "Make what is missing of the search: the word index, its texts, counts of every value, trigrams"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Nothing is made that is there."""
        parser.add_argument("--anew", action="store_true", help="index every text again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError where the database has no pg_trgm."""
        prepare_for_migration()
        try:
            make_table(connection)
            fill(connection, is_anew=options["anew"])
            make_indexes(connection)
            recount()
            has_trigrams = connection.vendor != "postgresql" or make_trigram_index(connection)
            make_floors(connection)
        finally:
            end_migration()
        if not has_trigrams:
            raise CommandError("pg_trgm is missing; as a superuser of this database: CREATE EXTENSION pg_trgm;")
        self.stdout.write("The search has its indexes.")
