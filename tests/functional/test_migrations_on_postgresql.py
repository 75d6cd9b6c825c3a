"""Migrations on PostgreSQL: indexes built beside the hub, locks given up, what is broken named and mended."""

import os
import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest

from tests.functional.hub_process import REPOSITORY, SECRET_KEY
from tests.servers.postgres import PostgresServer

Manage = Callable[..., subprocess.CompletedProcess[str]]
DATABASE = "migrations"


@pytest.fixture(scope="module")
def manage(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Manage:
    """`manage.py` on a database of its own, as far as the listings had come before they got their indexes."""
    environment = {
        **os.environ,
        "DATABASE_URL": postgres.database(DATABASE),
        "HUB_SECRET_KEY": SECRET_KEY,
        "HUB_PROXIES": "1",
        "HUB_DATA_DIR": str(tmp_path_factory.mktemp("migrations")),
        # A migration takes the time it needs, whatever requests are allowed.
        "HUB_DATABASE_STATEMENT_SECONDS": "5",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)

    before = run("migrate", "search", "0003", "--verbosity=0")
    assert before.returncode == 0, before.stderr
    return run


def invalid_indexes(postgres: PostgresServer) -> list[tuple[object, ...]]:
    question = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    return postgres.execute(question, database=DATABASE)


def test_a_migration_that_waits_for_a_lock_gives_up_soon_and_can_be_run_again(
    manage: Manage, postgres: PostgresServer
) -> None:
    with psycopg.connect(postgres.url(DATABASE)) as somebody:
        somebody.execute("LOCK TABLE search_searchentry IN ACCESS EXCLUSIVE MODE")
        # It does not wait for ever: `manage` would not either.
        given_up = manage("migrate", "--verbosity=0")
        somebody.rollback()
    assert given_up.returncode != 0
    assert "lock timeout" in given_up.stderr
    again = manage("migrate", "--verbosity=0")
    assert again.returncode == 0, again.stderr
    assert invalid_indexes(postgres) == []
    made = postgres.execute(
        "SELECT indexname FROM pg_indexes WHERE tablename = 'search_searchentry'", database=DATABASE
    )
    assert {("entries_of_method",), ("entries_of_base_model",), ("entries_of_namespace",)} <= set(made)


def test_an_index_left_invalid_is_named_and_built_anew(manage: Manage, postgres: PostgresServer) -> None:
    postgres.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'search_values_trigrams'::regclass",
        database=DATABASE,
    )
    named = manage("check", "--database", "default").stderr
    assert "(hub.W010)" in named
    assert 'REINDEX INDEX CONCURRENTLY "search_values_trigrams"' in named
    assert manage("search_indexes").returncode == 0
    assert invalid_indexes(postgres) == []
    assert "hub.W010" not in manage("check", "--database", "default").stderr


def test_a_database_without_trigrams_is_named_and_mended(manage: Manage, postgres: PostgresServer) -> None:
    postgres.execute("DROP EXTENSION pg_trgm CASCADE", database=DATABASE)
    assert "(hub.W011)" in manage("check", "--database", "default").stderr
    assert manage("search_indexes").returncode == 0
    assert "hub.W01" not in manage("check", "--database", "default").stderr


def test_requests_keep_their_limits_after_a_migration_in_the_same_process(manage: Manage) -> None:
    script = (
        "from django.core.management import call_command; from django.db import connection;"
        "call_command('migrate', verbosity=0);"
        "cursor = connection.cursor(); cursor.execute('SHOW statement_timeout'); print(cursor.fetchone());"
        "cursor.execute('SHOW lock_timeout'); print(cursor.fetchone()); print(connection.connection.patience)"
    )
    shown = manage("shell", "--no-imports", "-c", script)
    assert shown.stdout.splitlines()[-3:] == ["('5s',)", "('5s',)", "10"], shown.stdout + shown.stderr


def test_a_retired_column_stays_for_the_release_before_and_asks_nothing_of_this_one(
    manage: Manage, postgres: PostgresServer
) -> None:
    def column() -> list[tuple[object, ...]]:
        question = "SELECT is_nullable, column_default FROM information_schema.columns WHERE column_name = 'text' "
        return postgres.execute(f"{question} AND table_name = 'search_searchentry'", database=DATABASE)

    assert column() == [("NO", "''::text")]
    assert manage("migrate", "search", "0004", "--verbosity=0").returncode == 0
    assert column() == [("NO", None)]
    assert manage("migrate", "--verbosity=0").returncode == 0
    assert column() == [("NO", "''::text")]
    # The release after drops it, where it is.
    drop = (
        "from django.db import connection; from catalog.retiring import DropRetired;"
        "drop = DropRetired('search_searchentry', 'text');"
        "editor = connection.schema_editor().__enter__();"
        "[drop.database_forwards('search', editor, None, None) for _ in range(2)]; editor.__exit__(None, None, None)"
    )
    dropped = manage("shell", "--no-imports", "-c", drop)
    assert (dropped.returncode, column()) == (0, []), dropped.stderr
