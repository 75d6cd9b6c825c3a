"""``/metrics``: who may read it, and that its figures move with what happens."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from catalog.jobs.services import submit
from catalog.observing import observe
from hub.metrics import exposition
from storage import StorageError
from tests.unit.catalog.factories import make_user
from tests.unit.hub.calling import API, client_of

REPOSITORY = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of the database are kept for some seconds; not here."""
    monkeypatch.setattr("hub.figures._CACHE_SECONDS", 0)


def value(name: str, **labels: str) -> float:
    """One figure of the exposition; 0 while nobody has counted."""
    for family in text_string_to_metric_families(exposition().decode()):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0


def test_nobody_reads_the_figures_by_default() -> None:
    answer = Client().get("/metrics")
    assert answer.status_code == 403
    assert b"hub_request_seconds" not in answer.content
    assert b"HUB_METRICS_TOKEN" in answer.content


@pytest.mark.parametrize(("sent", "status"), [("right-token", 200), ("wrong-token", 403), ("", 403)])
def test_the_token_opens_them(settings: Any, sent: str, status: int) -> None:
    settings.HUB_METRICS_TOKEN = "right-token"
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {sent}"}).status_code == status


def test_a_network_opens_them(settings: Any) -> None:
    settings.HUB_METRICS_NETWORKS = ["10.1.0.0/16"]
    assert Client(REMOTE_ADDR="10.1.2.3").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="10.2.0.1").get("/metrics").status_code == 403
    # Nobody chooses his own address.
    assert Client(REMOTE_ADDR="10.2.0.1").get("/metrics", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 403


def test_requests_are_counted_by_route_never_by_path(settings: Any) -> None:
    labels = {"route": "api/v1/adapters/<str:namespace>/<str:name>", "method": "GET", "status": "404"}
    before = value("hub_request_seconds_count", **labels)
    Client().get(f"{API}/adapters/some/where")
    Client().get(f"{API}/adapters/else/where")
    assert value("hub_request_seconds_count", **labels) == before + 2
    assert "else/where" not in exposition().decode()


def test_queues_show_their_depth_and_age() -> None:
    assert value("hub_jobs", queue="cpu", state="queued") == 0
    submit("validate", {})
    assert value("hub_jobs", queue="cpu", state="queued") == 1
    assert value("hub_job_oldest_seconds", queue="cpu", state="queued") >= 0
    assert value("hub_jobs", queue="gpu", state="queued") == 0
    assert value("hub_database_up") == 1


def test_what_the_store_refuses_is_counted_by_operation(monkeypatch: pytest.MonkeyPatch, store: Any) -> None:
    from catalog.store import blob_store

    before = value("hub_storage_errors_total", operation="size_bytes", code="blob_missing")
    for _ in range(2):
        with pytest.raises(StorageError):
            blob_store().size_bytes("0" * 64)
    with pytest.raises(StorageError):
        list(blob_store().read("0" * 64))
    with pytest.raises(StorageError), blob_store().local_path("0" * 64):
        pass
    assert value("hub_storage_errors_total", operation="size_bytes", code="blob_missing") == before + 2
    assert value("hub_storage_errors_total", operation="read", code="blob_missing") >= 1
    assert value("hub_storage_errors_total", operation="local_path", code="blob_missing") >= 1


def test_events_of_jobs_and_leases_are_counted() -> None:
    before = value("hub_job_leases_lost_total")
    observe("job_event", event="lease_lost")
    observe("job_seconds", 3.0, kind="validate")
    observe("something that nobody counts")
    assert value("hub_job_leases_lost_total") == before + 1
    assert value("hub_job_events_total", event="lease_lost") >= 1
    assert value("hub_job_seconds_sum", kind="validate") >= 3


def test_several_processes_show_their_sum(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "hub.settings"}
    count = "import django; django.setup(); from hub.metrics import record; record('download', 3, {})"
    show = "import django; django.setup(); from hub.metrics import _counted_here; "
    show += "from prometheus_client import generate_latest; print(generate_latest(_counted_here()).decode())"
    for script in (count, count):
        subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, env=environment, check=True, timeout=60)
    shown = subprocess.check_output([sys.executable, "-c", show], cwd=REPOSITORY, env=environment, text=True)
    assert "hub_downloads_total 6.0" in shown


def test_a_page_that_says_metrics_is_no_namespace() -> None:
    user = make_user("metrics-lover", is_admin=True)
    made = client_of(user).post(f"{API}/namespaces", {"name": "metrics"}, content_type="application/json")
    assert made.status_code == 400


def test_every_figure_is_documented_and_every_documented_figure_exists() -> None:
    page = (REPOSITORY / "docs" / "OPERATIONS.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(hub_[a-z_]+)", page, re.MULTILINE))
    observe("request", 1.0, route="x", method="GET", status="200")
    families = list(text_string_to_metric_families(exposition().decode()))
    shown = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    assert documented == shown
