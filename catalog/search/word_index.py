"""The index over words and labels: a tsvector with GIN on PostgreSQL, FTS5 on SQLite; triggers keep it.

Both are called ``search_terms``, with the entry's id as ``rowid`` and a column of the same name to match. Words are
those of :class:`~catalog.search.models.SearchText` alone, cut at blanks. The index may be lost: it is made anew.
"""

from django.db import connection as default_connection
from django.db.backends.base.base import BaseDatabaseWrapper

from catalog.search import postgresql_index

_SQLITE_TABLE = """
CREATE VIRTUAL TABLE IF NOT EXISTS search_terms USING fts5(
  head, text, labels, content='search_searchtext', content_rowid='entry_id',
  tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* Co' tokenchars '-_.+:/=#@'")
"""
_INSERT = "INSERT INTO search_terms({command}rowid, head, text, labels)"
_TEXTS = "{row}.entry_id, {row}.head, {row}.text, {row}.labels"
_OLD = f"{_INSERT.format(command='search_terms, ')} VALUES ('delete', {_TEXTS.format(row='old')});"
_NEW = f"{_INSERT.format(command='')} VALUES ({_TEXTS.format(row='new')});"
_SQLITE_TRIGGERS = (
    f"CREATE TRIGGER IF NOT EXISTS search_terms_made AFTER INSERT ON search_searchtext BEGIN {_NEW} END",
    f"CREATE TRIGGER IF NOT EXISTS search_terms_gone AFTER DELETE ON search_searchtext BEGIN {_OLD} END",
    f"CREATE TRIGGER IF NOT EXISTS search_terms_changed AFTER UPDATE ON search_searchtext BEGIN {_OLD} {_NEW} END",
)
_SQLITE_FILL = "INSERT INTO search_terms(search_terms) VALUES ('rebuild')"


def make_table(connection: BaseDatabaseWrapper) -> None:
    """Make what is missing of the table and its triggers. It is not filled."""
    if connection.vendor == "postgresql":
        postgresql_index.make_table(connection)
    else:
        _run(connection, (_SQLITE_TABLE, *_SQLITE_TRIGGERS))


def fill(connection: BaseDatabaseWrapper, *, is_anew: bool = False) -> None:
    """Index every text that the table lacks; on SQLite, or with ``is_anew``, all of them. At a million: minutes.

    With ``is_anew`` outside of transactions: on PostgreSQL it is done beside the index in use.
    """
    if connection.vendor == "sqlite":
        _run(connection, (_SQLITE_FILL,))
    elif is_anew:
        postgresql_index.make_anew(connection)
    else:
        postgresql_index.fill(connection)


def make_indexes(connection: BaseDatabaseWrapper) -> None:
    """On PostgreSQL, outside of transactions: what is missing of the indexes, and fresh statistics."""
    if connection.vendor == "postgresql":
        postgresql_index.make_indexes(connection)


def keep_triggers(**kwargs: object) -> None:
    """After every migration: SQLite makes a table anew to change it, and drops its triggers without a word."""
    if default_connection.vendor == "sqlite" and "search_terms" in default_connection.introspection.table_names():
        _run(default_connection, _SQLITE_TRIGGERS)


def _run(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
