"""The same catalog in PostgreSQL and in SQLite: filled once, kept between runs, every row the same in both."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.service_hub import DATABASE, filled_database, manage
from cluster.postgres import Postgres

# Pages of adapters show files, and are asked for among the first so many.
WITH_FILES = 2000
_TABLES = (
    "accounts_user",
    "accounts_namespace",
    "accounts_membership",
    "bases_basemodel",
    "evaluations_evaluationset",
    "fits_shapeset",
    "fits_basefit",
    "adapters_blob",
    "adapters_adapter",
    "adapters_revision",
    "adapters_version",
    "adapters_ref",
    "adapters_file",
)
_BATCH = 5000
# How a column is written for SQLite, by PostgreSQL's name of its type.
_WRITTEN = {
    "boolean": "{}::int",
    "timestamp with time zone": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
    "date": "{}::text",
    "jsonb": "{}::text",
    "uuid": "replace({}::text, '-', '')",
}
_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = '{}' ORDER BY ordinal_position
"""
_PREWARM = """
CREATE EXTENSION IF NOT EXISTS pg_prewarm;
SELECT sum(pg_prewarm(oid::regclass)) FROM pg_class
WHERE (relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') AND relname <> 'search_searchtext'
    AND relname ~ '^(search|entry|entries|values|counts|bases|accounts)_')
  OR oid = (SELECT reltoastrelid FROM pg_class WHERE relname = 'search_terms')
"""


@contextmanager
def postgres_catalog(rows: int) -> Iterator[Postgres]:
    """A running PostgreSQL with ``rows`` adapters, all that search reads in memory."""
    with filled_database(rows, with_files=WITH_FILES, finish=_index) as server:
        server.execute(_PREWARM, database=DATABASE)
        yield server


def sqlite_catalog(server: Postgres, rows: int) -> Path:
    """The rows of ``server`` in a file of SQLite; made once, then kept beside the other's data."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    path = server.folder / f"catalog-{digest}.sqlite3"
    ready = path.with_suffix(".filled")
    if not ready.exists():
        path.unlink(missing_ok=True)
    start = time.perf_counter()
    manage("migrate", "--verbosity", "0", DATABASE_URL=f"sqlite:///{path}")
    if not ready.exists():
        _copy(server, path)
        manage("search_indexes", "--anew", DATABASE_URL=f"sqlite:///{path}")
        print(f"copied {rows:,} adapters to SQLite in {time.perf_counter() - start:.0f} s", flush=True)
        ready.touch()
    _read_through(path)
    return path


def _index(server: Postgres) -> None:
    manage("search_indexes", "--anew", DATABASE_URL=server.url(DATABASE))


def _copy(server: Postgres, path: Path) -> None:
    """Every row of every table that search and its pages read."""
    with psycopg.connect(server.url(DATABASE)) as source, sqlite3.connect(path) as target:
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = OFF")
        target.execute("PRAGMA foreign_keys = OFF")
        target.execute("PRAGMA cache_size = -500000")
        # Row by row they would take far longer than all at once afterwards.
        triggers = list(target.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        for name, _ in triggers:
            target.execute(f"DROP TRIGGER {name}")
        for table in [*_TABLES, *_search_tables(target)]:
            _copy_table(source, target, table)
        for _, statement in triggers:
            target.execute(statement)
        target.execute("ANALYZE")


def _search_tables(target: sqlite3.Connection) -> list[str]:
    sql = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name GLOB 'search_*' ORDER BY name"
    found = list(target.execute(sql))
    virtual = tuple(name for name, made in found if made.upper().startswith("CREATE VIRTUAL"))
    # A virtual table keeps its own tables; its words are written by the hub.
    return [name for name, _ in found if not any(name == own or name.startswith(f"{own}_") for own in virtual)]


def _copy_table(source: psycopg.Connection, target: sqlite3.Connection, table: str) -> None:
    here = {row[1] for row in target.execute(f"PRAGMA table_info({table})")}
    columns = [row for row in source.execute(_COLUMNS.format(table).encode()) if row[0] in here]
    if not columns:
        return
    names = ", ".join(f'"{name}"' for name, _ in columns)
    written = ", ".join(_WRITTEN.get(kind, "{}").format(f'"{name}"') for name, kind in columns)
    marks = ", ".join("?" * len(columns))
    with target, source.cursor(name="rows") as cursor:
        cursor.itersize = _BATCH
        target.execute(f"DELETE FROM {table}")
        rows = cursor.execute(f"SELECT {written} FROM {table}".encode())
        target.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def _read_through(path: Path) -> None:
    """Bring the file into the memory of the system."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
