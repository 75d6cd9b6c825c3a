"""The index over words and labels: a tsvector with GIN on PostgreSQL, FTS5 on SQLite; triggers keep it.

Both are called ``search_terms``, with the entry's id as ``rowid`` and a column of the same name to match, and are made
of the texts of :class:`~catalog.search.models.SearchText` alone, cut at blanks. The index may be lost: it is made anew.
"""

from django.db import connection as default_connection
from django.db.backends.base.base import BaseDatabaseWrapper

from catalog.migrating import drop_unless_valid

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
_SQLITE_FILL = ("INSERT INTO search_terms(search_terms) VALUES ('rebuild')",)

# ``weight`` is the magnitude of the downloads: a row that is indexed word by word must not change with each of them.
_POSTGRESQL_TABLE = (
    """
CREATE TABLE IF NOT EXISTS search_terms (
  rowid bigint PRIMARY KEY, weight smallint NOT NULL, is_public boolean NOT NULL, is_derived boolean NOT NULL,
  namespace_id bigint, adapter_id bigint, revision_id bigint, search_terms tsvector NOT NULL)
""",
    "ALTER TABLE search_terms ALTER COLUMN search_terms SET STATISTICS 500",
    """
CREATE OR REPLACE FUNCTION search_weight(downloads bigint) RETURNS smallint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT floor(4 * ln(1 + downloads) / ln(2))::smallint $$
""",
    r"""
CREATE OR REPLACE FUNCTION search_words(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(string_agg('''' || replace(replace(left(word, 200), '\', '\\'), '''', '''''') || ''':'
    || least(place, 16383), ' '), '')::tsvector
  FROM unnest(string_to_array(words, ' ')) WITH ORDINALITY AS cut (word, place) WHERE word <> '' $$
""",
    """
CREATE OR REPLACE FUNCTION search_vector(head text, words text, labels text) RETURNS tsvector
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT setweight(search_words(head), 'A') || search_words(words)
    || array_to_tsvector(array_remove(string_to_array(labels, ' '), '')) $$
""",
)
_COLUMNS = "rowid, weight, is_public, is_derived, namespace_id, adapter_id, revision_id, search_terms"
_MADE_OF = (
    "SELECT e.id, search_weight(e.downloads), e.is_public, e.is_derived, e.namespace_id, e.adapter_id, e.revision_id,"
    " search_vector({text}.head, {text}.text, {text}.labels) FROM search_searchentry e"
)
_POSTGRESQL_TRIGGERS = (
    f"""
CREATE OR REPLACE FUNCTION search_index_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO search_terms ({_COLUMNS}) {_MADE_OF.format(text="NEW")} WHERE e.id = NEW.entry_id
  ON CONFLICT (rowid) DO UPDATE SET weight = excluded.weight, is_public = excluded.is_public,
    is_derived = excluded.is_derived, namespace_id = excluded.namespace_id, adapter_id = excluded.adapter_id,
    revision_id = excluded.revision_id, search_terms = excluded.search_terms;
  RETURN NULL; END $$
""",
    """
CREATE OR REPLACE FUNCTION search_forget_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'TRUNCATE' THEN TRUNCATE search_terms; ELSE DELETE FROM search_terms WHERE rowid = OLD.entry_id; END IF;
  RETURN NULL; END $$
""",
    """
CREATE OR REPLACE TRIGGER search_terms_made AFTER INSERT OR UPDATE ON search_searchtext
  FOR EACH ROW EXECUTE FUNCTION search_index_words()
""",
    """
CREATE OR REPLACE TRIGGER search_terms_gone AFTER DELETE ON search_searchtext
  FOR EACH ROW EXECUTE FUNCTION search_forget_words()
""",
    """
CREATE OR REPLACE TRIGGER search_terms_emptied AFTER TRUNCATE ON search_searchtext
  FOR EACH STATEMENT EXECUTE FUNCTION search_forget_words()
""",
)
_POSTGRESQL_FILL = (
    f"INSERT INTO search_terms ({_COLUMNS}) {_MADE_OF.format(text='t')}"
    " JOIN search_searchtext t ON t.entry_id = e.id ON CONFLICT (rowid) DO NOTHING",
)
_WEIGHTS = """
UPDATE search_terms t SET weight = search_weight(e.downloads) FROM search_searchentry e
WHERE e.id = t.rowid AND e.adapter_id = ANY(%s) AND t.weight <> search_weight(e.downloads)
"""
_POSTGRESQL_INDEXES = {
    # Without the list of pending words: every search would read it whole.
    "search_terms_words": "search_terms USING gin (search_terms) WITH (fastupdate = off)",
    "search_terms_weight": "search_terms (weight)",
}


def make_table(connection: BaseDatabaseWrapper) -> None:
    """Make what is missing of the table and its triggers. It is not filled."""
    is_sqlite = connection.vendor == "sqlite"
    statements = (_SQLITE_TABLE, *_SQLITE_TRIGGERS) if is_sqlite else (*_POSTGRESQL_TABLE, *_POSTGRESQL_TRIGGERS)
    _run(connection, statements)


def fill(connection: BaseDatabaseWrapper, *, is_anew: bool = False) -> None:
    """Index every text that the table lacks; on SQLite, or with ``is_anew``, all of them. At a million: minutes."""
    if connection.vendor == "sqlite":
        _run(connection, _SQLITE_FILL)
        return
    _run(connection, ("TRUNCATE search_terms", *_POSTGRESQL_FILL) if is_anew else _POSTGRESQL_FILL)


def make_indexes(connection: BaseDatabaseWrapper) -> None:
    """On PostgreSQL, outside of transactions: what is missing of the indexes, and fresh statistics."""
    if connection.vendor != "postgresql":
        return
    for name, over in _POSTGRESQL_INDEXES.items():
        if drop_unless_valid(connection, name):
            _run(connection, (f"CREATE INDEX CONCURRENTLY {name} ON {over}",))
    _run(connection, ("ANALYZE search_terms",))


def carry_weights(adapters: list[int]) -> None:
    """The downloads of these adapters have changed: on PostgreSQL, write the weights that are another magnitude now."""
    if default_connection.vendor == "postgresql":
        with default_connection.cursor() as cursor:
            cursor.execute(_WEIGHTS, [adapters])


def keep_triggers(**kwargs: object) -> None:
    """After every migration: SQLite makes a table anew to change it, and drops its triggers without a word."""
    if default_connection.vendor == "sqlite" and "search_terms" in default_connection.introspection.table_names():
        _run(default_connection, _SQLITE_TRIGGERS)


def _run(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
