"""A real Redis server for tests, which can be stopped, killed, paused and started again."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.redis import Redis, why_not

RedisServer = Redis


def run_server(*, keeps_data: bool = True, password: str = "") -> Iterator[Redis]:
    """A server of one's own, for as long as the caller wants: the body of every fixture that needs one."""
    if reason := why_not():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    try:
        with Redis(folder, keeps_data=keeps_data, password=password) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """One server for the whole session: take a database number of your own, and leave the server running."""
    yield from run_server()


@pytest.fixture
def breakable_redis() -> Iterator[Redis]:
    """A server for one test, which may stop it, kill it and start it again."""
    yield from run_server()
