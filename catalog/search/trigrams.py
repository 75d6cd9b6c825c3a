"""Trigram indexes over words and labels, on PostgreSQL: any part of a word is found without reading every entry."""

from django.db import ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import NotSupportedError, OperationalError

from catalog.migrating import drop_unless_valid

_COLUMNS = ("text", "labels")


def make_trigram_indexes(connection: BaseDatabaseWrapper) -> bool:
    """Make what is missing of extension and indexes. Returns False where the database has no pg_trgm and gets none.

    The search finds the same without them, and takes longer.
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
        for column in _COLUMNS:
            name = f"search_{column}_trigrams"
            if drop_unless_valid(connection, name):
                words = f"search_searchtext USING gin ({column} gin_trgm_ops)"
                cursor.execute(f"CREATE INDEX CONCURRENTLY {name} ON {words}")
    return True
