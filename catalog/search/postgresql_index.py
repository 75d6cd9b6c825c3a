"""The word index on PostgreSQL: a narrow row for each entry with its words, and with whatever else a search asks.

A search reads thousands of these rows to count them. So they are narrow (the words lie out of line), lie in the order
of downloads when they are made, and have the columns of their entry that filters, facets and pages ask; triggers keep
them. ``weight`` is the magnitude of the downloads: no index has the downloads themselves, so that counting one writes
no index.
"""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from catalog.migrating import drop_unless_valid

TABLE, NEXT = "search_terms", "search_terms_next"
# Columns of an entry that its row has by the same names, with their types.
_CARRIED = {
    "is_public": "boolean NOT NULL",
    "is_derived": "boolean NOT NULL",
    "namespace_id": "bigint",
    "adapter_id": "bigint",
    "revision_id": "bigint",
    "base_model_id": "bigint",
    "downloads": "bigint NOT NULL",
    "published_at": "timestamptz NOT NULL",
    "size_bytes": "bigint NOT NULL",
    "gain": "double precision",
    "best_score": "double precision",
    "rank": "integer",
    "architecture": "text NOT NULL",
    "method": "text NOT NULL",
    "task": "text NOT NULL",
    "domain": "text NOT NULL",
    "modality": "text NOT NULL",
    "license": "text NOT NULL",
    "languages": "text NOT NULL",
    "shape_digest": "text NOT NULL",
}
# PostgreSQL moves a column out of a row only where the row is over 2 kB: the filler makes it so, and packs to nothing.
_FILLER = "filler text DEFAULT repeat(' ', 2100)"
_TABLE = """
CREATE TABLE IF NOT EXISTS {table} (rowid bigint PRIMARY KEY, weight smallint NOT NULL, {carried}, {filler},
  search_terms tsvector NOT NULL) WITH (toast_tuple_target = 128, fillfactor = 90)
"""
_OUT_OF_LINE = (
    "ALTER TABLE {table} ALTER COLUMN search_terms SET STORAGE EXTERNAL, ALTER COLUMN search_terms SET STATISTICS 500"
)
_FUNCTIONS = (
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
_COLUMNS = ", ".join(["rowid", "weight", *_CARRIED, "search_terms"])
_MADE = f"""
SELECT e.id, search_weight(e.downloads), {", ".join(f"e.{name}" for name in _CARRIED)},
  search_vector(t.head, t.text, t.labels) FROM search_searchentry e JOIN search_searchtext t ON t.entry_id = e.id
"""
_WRITTEN = f"""
INSERT INTO {{table}} ({_COLUMNS}) {_MADE} WHERE e.id = {{entry}} ON CONFLICT (rowid) DO UPDATE SET
  {", ".join(f"{name} = excluded.{name}" for name in ["weight", *_CARRIED, "search_terms"])};
"""
_COPIED = f"""
UPDATE {{table}} SET weight = search_weight(NEW.downloads), {", ".join(f"{name} = NEW.{name}" for name in _CARRIED)}
  WHERE rowid = NEW.id;
IF NOT FOUND THEN {_WRITTEN.format(table="{table}", entry="NEW.id")} END IF;
"""
_FORGOTTEN = """
IF TG_OP = 'TRUNCATE' THEN TRUNCATE {table}; ELSE DELETE FROM {table} WHERE rowid = OLD.entry_id; END IF;
"""


def _trigger_function(name: str, work: str) -> str:
    """``work`` on the table, and on the one that is being made anew while there is one."""
    body = work.format(table=TABLE, entry="NEW.entry_id")
    anew = f"IF to_regclass('{NEXT}') IS NOT NULL THEN {work.format(table=NEXT, entry='NEW.entry_id')} END IF;"
    head = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
    return f"{head} $$ BEGIN {body} {anew} RETURN NULL; END $$"


_TRIGGERS = (
    _trigger_function("search_index_words", _WRITTEN),
    _trigger_function("search_carry_entry", _COPIED),
    _trigger_function("search_forget_words", _FORGOTTEN),
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
_CARRYING = f"""
CREATE OR REPLACE TRIGGER search_terms_carried AFTER UPDATE OF {", ".join(_CARRIED)} ON search_searchentry
  FOR EACH ROW WHEN (({", ".join(f"OLD.{name}" for name in _CARRIED)})
    IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in _CARRIED)}))
  EXECUTE FUNCTION search_carry_entry()
"""
_BATCH = 2000
_FIRST = (2**63 - 1, 2**63 - 1)
# The most downloaded first: they are read together.
_FILL = f"""
WITH batch AS MATERIALIZED (SELECT id, downloads FROM search_searchentry WHERE (downloads, id) < (%s, %s)
    ORDER BY downloads DESC, id DESC LIMIT {_BATCH}),
  written AS (INSERT INTO {{table}} ({_COLUMNS}) {_MADE} WHERE e.id IN (SELECT id FROM batch)
    AND NOT EXISTS (SELECT FROM {{table}} known WHERE known.rowid = e.id)
    ORDER BY e.downloads DESC, e.id DESC ON CONFLICT (rowid) DO NOTHING)
SELECT downloads, id FROM batch ORDER BY downloads, id LIMIT 1
"""
_REST = f"""
INSERT INTO {{table}} ({_COLUMNS}) {_MADE} WHERE NOT EXISTS (SELECT FROM {{table}} known WHERE known.rowid = e.id)
ON CONFLICT (rowid) DO NOTHING
"""
_LEFT_OVER = "DELETE FROM {table} gone WHERE NOT EXISTS (SELECT FROM search_searchtext t WHERE t.entry_id = gone.rowid)"
_IS_NARROW = "SELECT attnotnull FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'downloads'"


def make_table(connection: BaseDatabaseWrapper) -> None:
    """Make what is missing of the table and its triggers; one of an earlier release gets the columns that it lacks."""
    if TABLE not in connection.introspection.table_names():
        _run(connection, *_made(TABLE))
    if not is_narrow(connection):
        missing = [f"ADD COLUMN IF NOT EXISTS {name} {kind.split(' NOT')[0]}" for name, kind in _CARRIED.items()]
        _run(connection, f"ALTER TABLE {TABLE} {', '.join(missing)}")
    _run(connection, *_FUNCTIONS, *_TRIGGERS, _CARRYING)


def is_narrow(connection: BaseDatabaseWrapper) -> bool:
    """Whether its rows are as described above, and not those of an earlier release."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_NARROW, [TABLE])
        return bool(cursor.fetchone() == (True,))


def drop_carrying(connection: BaseDatabaseWrapper) -> None:
    """For an earlier release: columns that the trigger reads can be dropped again."""
    _run(connection, "DROP TRIGGER IF EXISTS search_terms_carried ON search_searchentry")


def fill(connection: BaseDatabaseWrapper, table: str = TABLE) -> None:
    """Write every row that is missing, in short transactions."""
    last = _FIRST
    while last:
        with connection.cursor() as cursor:
            cursor.execute(_FILL.format(table=table), last)
            last = cursor.fetchone()
    # Whose downloads grew past the place where the batches were.
    _run(connection, _REST.format(table=table))


def make_anew(connection: BaseDatabaseWrapper) -> None:
    """Make the whole table and its indexes again beside the one in use, then put it in its place; outside of
    transactions, and again after an interruption."""
    _run(connection, f"DROP TABLE IF EXISTS {NEXT}")
    with transaction.atomic(using=connection.alias):
        # Whoever writes at this moment has ended before; whoever comes writes both.
        _run(connection, f"LOCK TABLE {TABLE} IN SHARE MODE", *_made(NEXT))
    fill(connection, NEXT)
    # What was deleted while a batch was written; whatever is deleted now, the triggers delete here too.
    _run(connection, _LEFT_OVER.format(table=NEXT))
    make_indexes(connection, NEXT)
    with transaction.atomic(using=connection.alias):
        _run(connection, f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        _run(connection, f"DROP TABLE {TABLE}", f"ALTER TABLE {NEXT} RENAME TO {TABLE}")
        for name in ("pkey", "words"):
            _run(connection, f"ALTER INDEX {NEXT}_{name} RENAME TO {TABLE}_{name}")


def make_indexes(connection: BaseDatabaseWrapper, table: str = TABLE) -> None:
    """Outside of transactions: what is missing of the indexes, and fresh statistics."""
    index_words(connection, f"{table}_words", table)
    _run(connection, f"ANALYZE {table}")


def index_words(connection: BaseDatabaseWrapper, name: str, table: str = TABLE, condition: str = "") -> None:
    """Make an index over the words, of the rows for which ``condition`` holds. One that is there stays."""
    # Without the list of pending words: every search would read it whole.
    over = f"{table} USING gin (search_terms) WITH (fastupdate = off) {condition and f'WHERE {condition}'}"
    if drop_unless_valid(connection, name):
        _run(connection, f"CREATE INDEX CONCURRENTLY {name} ON {over}")


def drop_index(connection: BaseDatabaseWrapper, name: str) -> None:
    """Outside of transactions, and beside whoever reads it."""
    _run(connection, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _made(table: str) -> tuple[str, str]:
    carried = ", ".join(f"{name} {kind}" for name, kind in _CARRIED.items())
    return _TABLE.format(table=table, carried=carried, filler=_FILLER), _OUT_OF_LINE.format(table=table)


def _run(connection: BaseDatabaseWrapper, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
