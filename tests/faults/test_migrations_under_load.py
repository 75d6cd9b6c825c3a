"""An upgrade while people work: the tables of the first release, 100,000 rows, and what its code goes on asking for."""

import random
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cluster.process import run
from tests.faults.topology import Topology

ROWS = 100_000
MOST_SECONDS = 2.0
FIRST_RELEASE = ("accounts", "bases", "adapters", "jobs", "uploads", "reviews", "search")
_PLAIN = {
    "character varying": "''",
    "text": "''",
    "jsonb": "'{}'",
    "boolean": "false",
    "timestamp with time zone": "now()",
    "uuid": "gen_random_uuid()",
    "tsvector": "''::tsvector",
    "double precision": "0",
}


@dataclass
class OldCode:
    """The statements of the first release's code: every column by its name, as its ORM writes them."""

    url: str
    columns: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    waits: list[tuple[float, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def learn(self, connection: "psycopg.Connection[Any]") -> None:
        """Which columns of each table must be given, and their types, while the tables are those of the release."""
        found = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' "
            "AND is_nullable = 'NO' AND is_identity = 'NO' ORDER BY table_name, ordinal_position"
        )
        for table, column, kind in found:
            self.columns.setdefault(table, []).append((column, kind))

    def insert(self, table: str, source: str = "", **given: str) -> str:
        """An INSERT that names the columns of the release; ``given`` are expressions, the others plain."""
        columns = dict(self.columns[table])
        values = {name: given.get(name, _PLAIN.get(kind, "0")) for name, kind in columns.items()} | given
        return f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} {source}"

    def ask_until(self, stopped: threading.Event, seed: int) -> None:
        """List, show and push again and again; remembers how long each took."""
        chance = random.Random(seed)
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not stopped.wait(0.01):
                number = chance.randrange(1, ROWS)
                for what, statements in self.requests(number, f"{seed}-{time.monotonic_ns()}").items():
                    began = time.perf_counter()
                    try:
                        with connection.transaction():
                            for statement in statements:
                                connection.execute(statement.encode())
                    except (psycopg.ProgrammingError, psycopg.IntegrityError) as error:
                        self.broken.add(f"{what}: {str(error).splitlines()[0]}")
                    self.waits.append((time.perf_counter() - began, what))

    def requests(self, number: int, unique: str) -> dict[str, list[str]]:
        """What three kinds of requests send to the database."""
        names = {table: ", ".join(name for name, _ in columns) for table, columns in self.columns.items()}
        digest = f"encode(sha256('{unique}'), 'hex')"
        return {
            "list": [f"SELECT {names['search_searchentry']} FROM search_searchentry ORDER BY downloads DESC LIMIT 20"],
            "show": [
                f"SELECT {names['adapters_revision']} FROM adapters_revision WHERE id = {number}",
                f"SELECT {names['adapters_file']} FROM adapters_file WHERE revision_id = {number}",
                f"SELECT {names['jobs_job']} FROM jobs_job WHERE created_at > now() LIMIT 20",
            ],
            "push": [
                self.insert("adapters_blob", sha256=digest, size_bytes="1"),
                self.insert("adapters_revision", adapter_id=str(number), commit_id=f"left({digest}, 40)"),
                self.insert("jobs_job", kind="'validate_revision'", state="'succeeded'", queue="'cpu'"),
                f"UPDATE adapters_adapter SET summary = '{unique}', updated_at = now() WHERE id = {number}",
            ],
        }


@pytest.fixture(scope="module")
def upgrade(topology: Topology) -> Iterator[OldCode]:
    """A database with the first release's tables and 100,000 adapters in it."""
    topology.calm()
    url = topology.postgres.database("upgraded")
    environment = upgraded(topology, url)
    for app in FIRST_RELEASE:
        manage(environment, "migrate", app, "0001", "--verbosity", "0")
    old = OldCode(url.replace("postgres:", "postgresql:"))
    with psycopg.connect(old.url, autocommit=True) as connection:
        old.learn(connection)
        fill(connection, old)
        connection.execute("VACUUM ANALYZE")
    stopped = threading.Event()
    with ThreadPoolExecutor(5) as threads:
        asking = [threads.submit(old.ask_until, stopped, seed) for seed in range(4)]
        try:
            time.sleep(2)
            # Somebody reads for a while, in one transaction: a migration that waits for this must not hold others up.
            reading = threads.submit(read_slowly, old.url)
            manage(environment, "migrate", "--verbosity", "0")
            time.sleep(2)
        finally:
            stopped.set()
        for thread in [*asking, reading]:
            thread.result(60)
    yield old
    topology.postgres.execute(sql.SQL("DROP DATABASE upgraded WITH (FORCE)"))


def fill(connection: "psycopg.Connection[Any]", old: OldCode) -> None:
    """One namespace; of adapters, revisions, versions, blobs, files, entries and jobs as many as ROWS."""
    many = f"FROM generate_series(1, {ROWS}) AS i"
    digest = "encode(sha256(i::text::bytea), 'hex')"
    statements = [
        old.insert("accounts_namespace", id="1", name="'lab'", folded="'lab'", kind="'organization'"),
        old.insert("adapters_adapter", many, id="i", namespace_id="1", name="'a' || i", folded="'a' || i"),
        old.insert("adapters_blob", many, sha256=digest, size_bytes="i", git_id=f"left({digest}, 40)"),
        old.insert(
            "adapters_revision", many, id="i", adapter_id="i", commit_id=f"left({digest}, 40)", state="'published'",
            published_at="now()", card="repeat('words about an adapter ', 20)",
        ),
        old.insert(
            "adapters_version", many, id="i", adapter_id="i", name="'1.0.0'", revision_id="i", state="'published'",
            published_at="now()",
        ),
        old.insert("adapters_file", many, id="i", revision_id="i", path="'adapter_model.safetensors'", blob_id=digest),
        old.insert(
            "search_searchentry", many, adapter_id="i", revision_id="i", namespace_id="1", downloads="i % 1000",
            full_name="'lab/a' || i",
        ),
        old.insert("jobs_job", many, kind="'validate_revision'", state="'succeeded'", queue="'cpu'"),
    ]  # fmt: skip
    for statement in statements:
        connection.execute(statement.encode())
    for table in ("accounts_namespace", "adapters_adapter", "adapters_revision", "adapters_version", "adapters_file"):
        connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {ROWS + 1})".encode())


def upgraded(hub: Topology, url: str) -> dict[str, str]:
    """The environment of a hub on that database."""
    return {**hub.settings, "HUB_DATA_DIR": str(hub.folder / "upgraded"), "DATABASE_URL": url}


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run ``manage.py``."""
    return run([sys.executable, "manage.py", *arguments], environment=environment)


@pytest.mark.faults_full
@pytest.mark.fault("migration under load")
def test_an_upgrade_of_100_000_rows_holds_no_request_up(upgrade: OldCode) -> None:
    slowest = sorted(upgrade.waits, reverse=True)[:5]
    assert len(upgrade.waits) > 100
    assert slowest[0][0] <= MOST_SECONDS, slowest
    with psycopg.connect(upgrade.url, autocommit=True) as connection:
        invalid = connection.execute("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid").fetchall()
    assert invalid == []


@pytest.mark.faults_full
@pytest.mark.fault("migration under load: the old code goes on")
def test_the_code_of_the_release_before_goes_on_beside_the_new_tables(upgrade: OldCode) -> None:
    assert upgrade.broken == set()


def read_slowly(url: str) -> None:
    """A report that takes its time."""
    with psycopg.connect(url) as connection:
        for table in ("adapters_revision", "jobs_job", "search_searchentry"):
            connection.execute(f"SELECT count(*) FROM {table}".encode())
        connection.execute("SELECT pg_sleep(4)")
