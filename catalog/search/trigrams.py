"""Trigrams of the known values, on PostgreSQL: a mistyped word is not compared with every one of them."""

from django.db import ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import NotSupportedError, OperationalError

from catalog.migrating import drop_unless_valid

_INDEX = "search_values_trigrams"


def make_trigram_index(connection: BaseDatabaseWrapper) -> bool:
    """Make what is missing of extension and index. Returns False where the database has no pg_trgm and gets none.

    Without it only frequent values are proposed for a word that nobody knows.
    """
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        try:
            # The owner of a database may do this where the server has the extension; elsewhere its administrator must.
            with transaction.atomic(using=connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except (ProgrammingError, OperationalError, NotSupportedError):
            return False
        if drop_unless_valid(connection, _INDEX):
            cursor.execute(f"CREATE INDEX CONCURRENTLY {_INDEX} ON search_facetcount USING gin (folded gin_trgm_ops)")
    return True
