"""The real servers that other tests use: they start, they lose nothing they should keep, and they come back."""

import psycopg
import pytest
import redis as client_library

from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer


def test_every_caller_of_postgresql_gets_an_empty_database(postgres: PostgresServer) -> None:
    first, second = postgres.database(), postgres.database()
    assert first != second
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'mine'").fetchone() == (0,)


@pytest.mark.parametrize("end", ["immediate", "kill"])
def test_postgresql_comes_back_on_its_port_with_what_was_committed(
    breakable_postgres: PostgresServer, end: str
) -> None:
    url = breakable_postgres.database("kept")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    breakable_postgres.kill() if end == "kill" else breakable_postgres.stop(end)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2)
    breakable_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_redis_comes_back_on_its_port_with_its_data_and_forgets_on_order(breakable_redis: RedisServer) -> None:
    client = breakable_redis.client(3)
    client.set("answer", "42")
    breakable_redis.restart()
    assert client.get("answer") == "42"
    breakable_redis.kill()
    with pytest.raises(client_library.ConnectionError):
        client.get("answer")
    breakable_redis.forget()
    breakable_redis.start()
    assert client.get("answer") is None


def test_redis_that_is_paused_accepts_and_never_answers(breakable_redis: RedisServer) -> None:
    breakable_redis.pause()
    with pytest.raises(client_library.TimeoutError):
        client_library.Redis(port=breakable_redis.port, socket_timeout=0.3).ping()
    breakable_redis.resume()
    assert breakable_redis.is_ready()
