"""PostgreSQL stops, is killed, swallows packets or has no connection left: 503 and Retry-After, then normal again."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest

from tests.functional.hub_process import Api, HubProcess, bootstrap
from tests.servers.postgres import PostgresServer, run_server

RECOVERY_SECONDS = 10


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A server that these tests may stop."""
    yield from run_server(max_connections="20")


@pytest.fixture(scope="module")
def hub(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub on it."""
    process = HubProcess(
        tmp_path_factory.mktemp("on-postgresql"),
        DATABASE_URL=own_postgres.database("outage"),
        HUB_JOB_SWEEP_SECONDS="1",
    ).start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def admin(hub: HubProcess) -> Api:
    """The first administrator."""
    return bootstrap(hub)


class Load:
    """Calls of several threads, for as long as the block lasts; keeps every answer, its times and its path."""

    def __init__(self, url: str, token: str, paths: tuple[str, ...]) -> None:
        self.answers: list[tuple[float, float, str, httpx.Response]] = []
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(url, token, path)) for path in paths]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(40)

    def _call(self, url: str, token: str, path: str) -> None:
        headers = {"Authorization": f"Bearer {token}"} if path.startswith("/api") else {}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            while not self._stop.wait(0.05):
                try:
                    asked_at, answer = time.monotonic(), client.get(path)
                    self.answers.append((asked_at, time.monotonic(), path, answer))
                except httpx.TransportError as error:
                    self.errors.append(error)

    def statuses(self, *, since: float = 0, until: float = float("inf")) -> set[int]:
        """The statuses of what was asked and answered within a time."""
        return {answer.status_code for asked, said, _, answer in self.answers if since <= asked and said < until}


PATHS = ("/api/v1/whoami", "/api/v1/adapters", "/", "/search")


def wait_until_normal(hub: HubProcess, admin: Api) -> float:
    """Seconds until pages and API answer 200, three times in a row."""
    began, good = time.monotonic(), 0
    while good < 3:
        assert time.monotonic() - began < RECOVERY_SECONDS, hub.log()[-3000:]
        answers = [admin("GET", "/whoami"), httpx.get(f"{hub.url}/search", timeout=30)]
        good = good + 1 if all(answer.status_code == 200 for answer in answers) else 0
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.parametrize("end", ["immediate", "kill"])
def test_requests_during_an_outage_get_503_and_all_is_normal_within_seconds(
    hub: HubProcess, admin: Api, own_postgres: PostgresServer, end: str
) -> None:
    before = len(hub.log())
    with Load(hub.url, admin.token, PATHS) as load:
        time.sleep(1)
        stopped = time.monotonic()
        own_postgres.kill() if end == "kill" else own_postgres.stop(end)
        time.sleep(3)
        ready = httpx.get(f"{hub.url}/readyz", timeout=10)
        alive = httpx.get(f"{hub.url}/healthz", timeout=10)
        own_postgres.start()
        wait_until_normal(hub, admin)
        normal = time.monotonic()
        time.sleep(1)
    assert (ready.status_code, ready.json()["database"], alive.status_code) == (503, "unreachable", 200)
    assert load.statuses(until=stopped) == {200}
    assert load.statuses(since=stopped, until=normal) <= {200, 503}
    assert load.statuses(since=normal) == {200}
    assert load.errors == []
    refused = [(path, answer) for *_, path, answer in load.answers if answer.status_code == 503]
    assert {path for path, _ in refused} >= {"/api/v1/whoami", "/search"}
    for path, answer in refused:
        assert answer.headers["Retry-After"]
        if path.startswith("/api"):
            assert answer.json()["code"] == "database_unavailable"
        else:
            assert "Back in a moment" in answer.text
    assert "Internal Server Error" not in hub.log()[before:]
    assert httpx.get(f"{hub.url}/readyz", timeout=10).json()["database"] == "ok"


def test_a_server_without_a_free_connection_is_503_until_one_is_free(
    hub: HubProcess, admin: Api, own_postgres: PostgresServer
) -> None:
    held: list[Any] = []
    hubs_own = "FROM pg_stat_activity WHERE application_name = 'adapter-hub'"
    # The hub keeps some open for the next requests; here each is taken from it, and at once by somebody else.
    while not held or own_postgres.execute(f"SELECT count(*) {hubs_own}") != [(0,)]:
        own_postgres.execute(f"SELECT pg_terminate_backend(pid) {hubs_own}")
        with suppress(psycopg.OperationalError):
            while True:
                held.append(psycopg.connect(own_postgres.url("outage"), connect_timeout=3))
    refused = admin("GET", "/whoami")
    page = httpx.get(f"{hub.url}/search", timeout=30)
    for connection in held:
        connection.close()
    assert (refused.status_code, refused.json()["code"], page.status_code) == (503, "database_unavailable", 503)
    wait_until_normal(hub, admin)


def test_a_connection_that_the_server_closed_a_moment_after_its_last_use_is_not_used_again(
    hub: HubProcess, admin: Api, own_postgres: PostgresServer
) -> None:
    for _ in range(5):
        assert admin("GET", "/whoami").status_code == 200
        own_postgres.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'adapter-hub'"
        )
        assert admin("GET", "/whoami").status_code == 200, hub.log()[-3000:]
        assert httpx.get(f"{hub.url}/search", timeout=30).status_code == 200


def test_more_callers_than_connections_wait_their_turn(hub: HubProcess, admin: Api) -> None:
    with Load(hub.url, admin.token, PATHS * 6) as load:
        time.sleep(3)
    assert load.statuses() == {200}
    assert load.errors == []


def test_the_workers_of_the_hub_go_on_after_the_outage(
    hub: HubProcess, admin: Api, own_postgres: PostgresServer
) -> None:
    own_postgres.stop("immediate")
    time.sleep(3)
    own_postgres.start()
    wait_until_normal(hub, admin)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = {"model_type": "bert", "vocab_size": 99, **sizes}
    made = admin("POST", "/base-models", json={"id": "after/outage", "config": config}, expect=202)
    assert admin.wait(made["job"])["state"] == "succeeded"
