"""A real PostgreSQL server for tests, which can be stopped, killed and started again."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.postgres import Postgres, why_not

PostgresServer = Postgres
# What the kernel holds outlives a killed process, so that fsync is for power cuts alone; synchronous_commit stays on:
# without it a killed server forgets what it said was committed.
QUICK = {"fsync": "off", "full_page_writes": "off", "jit": "off", "log_min_messages": "warning"}


def make_folder() -> Path:
    """A folder that an unprivileged server can reach: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)
    return folder


def run_server(**settings: str) -> Iterator[Postgres]:
    """A server of one's own, for as long as the caller wants: the body of every fixture that needs one."""
    if reason := why_not():
        pytest.skip(reason)
    folder = make_folder()
    try:
        server = Postgres(folder, settings=QUICK | settings)
        try:
            yield server.start()
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole session: take a database of your own, and leave the server running."""
    yield from run_server()


@pytest.fixture
def breakable_postgres() -> Iterator[Postgres]:
    """A server for one test, which may stop it, kill it and start it again."""
    yield from run_server(max_connections="20")
