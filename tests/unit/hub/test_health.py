"""``/healthz`` and ``/readyz``: what each service's absence looks like, quickly and without a reason for strangers."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from hub import health
from storage import StorageError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes that remember nothing."""
    asked = {
        "database": health.ask_database,
        "store": health.ask_store,
        "broker": health.ask_broker,
        "clock": health.ask_clock,
    }
    monkeypatch.setattr(health, "_probes", health._Probes(asked))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts and never answers, as behind a network that swallows packets."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_all_is_well(store: Any) -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "database": "ok", "store": "ok", "broker": "ok", "clock": "ok"},
    )


@pytest.mark.parametrize(("name", "error"), [("database", OperationalError), ("store", StorageError)])
def test_without_database_or_store_it_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, store: Any, name: str, error: type[Exception]
) -> None:
    def fail() -> None:
        raise error("s3", "secret host 10.0.0.7")

    health._probes._asked[name] = fail
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()[name] == "unreachable"
    assert "10.0.0.7" not in answer.content.decode()
    assert Client().get("/healthz").status_code == 200


def test_without_the_broker_it_works_on_and_says_so(settings: Any, store: Any) -> None:
    settings.HUB_BROKER_URL = "redis://127.0.0.1:1/0"
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["broker"]) == (200, "degraded", "unreachable")


def test_a_service_that_never_answers_costs_two_seconds_once(
    settings: Any, store: Any, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HUB_BROKER_URL = f"redis://127.0.0.1:{silent_port}/0"
    health._probes._asked["store"] = lambda: time.sleep(4)
    began = time.monotonic()
    for _ in range(5):
        answer = Client().get("/readyz")
    assert time.monotonic() - began < 4
    assert (answer.json()["store"], answer.json()["broker"]) == ("unreachable", "unreachable")


def test_a_process_with_a_wrong_clock_gets_no_callers(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "clock_skew_seconds", lambda: -3600.0)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["clock"], answer.json()["database"]) == (503, "wrong", "ok")
    assert Client().get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_machines_ask_by_address_and_over_plain_http(path: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["hub.example.org"], True
    settings.HUB_METRICS_NETWORKS = ["10.0.0.0/8"]
    asked = Client(REMOTE_ADDR="10.1.2.3").get(path, headers={"Host": "10.9.8.7:8000"})
    assert (asked.status_code, asked.headers["X-Request-ID"] != "") == (200, True)
    assert asked.headers["Content-Length"] == str(len(asked.content))
    assert Client().get("/", headers={"Host": "10.9.8.7:8000"}).status_code == 400
