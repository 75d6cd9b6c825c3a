"""Each wrong combination of settings is named by a stable id, with its fix and without its secrets."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import pytest
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

REPOSITORY = Path(__file__).resolve().parents[3]
SETTINGS = REPOSITORY / "hub" / "settings.py"
KEY = "k" * 50
POSTGRES = "postgres://hub:pass-of-db@10.0.0.5/hub"
REDIS = "redis://:pass-of-redis@10.0.0.6/0"
S3 = "s3://bucket?endpoint=https://s3.example.org"
PRODUCTION = {"HUB_PRODUCTION": "1", "HUB_SECRET_KEY": KEY, "HUB_PROXIES": "1"}

WRONG = {
    "hub.E001": {"HUB_STORAGE_URL": "ftp://somewhere"},
    "hub.E002": {"HUB_JOB_SENDER": "workers.nowhere.send"},
    "hub.E003": {"HUB_JOB_LEASE_SECONDS": "2"},
    "hub.E004": {"HUB_PART_SIZE_BYTES": "512"},
    "hub.E005": {"HUB_PRODUCTION": "1"},
    "hub.E006": {"WEB_CONCURRENCY": "2"},
    "hub.E007": {"HUB_BROKER_URL": "amqp://guest:pass-of-rabbit@mq"},
    "hub.E008": {"DATABASE_URL": "mysql://hub:pass-of-db@db/hub"},
    "hub.E009": {**PRODUCTION, "HUB_DEBUG": "1"},
    "hub.E010": {**PRODUCTION, "HUB_ALLOWED_HOSTS": "hub.example.org,*"},
    "hub.E012": {"HUB_METRICS_NETWORKS": "10.0.0.0/99"},
    "hub.W001": {"HUB_PART_SIZE_BYTES": str(200 << 20)},
    "hub.W002": {**PRODUCTION, "HUB_BROKER_URL": REDIS, "DATABASE_URL": POSTGRES},
    "hub.W003": {**PRODUCTION, "HUB_BROKER_URL": REDIS, "HUB_STORAGE_URL": S3},
    "hub.W004": {**PRODUCTION, "DATABASE_URL": POSTGRES},
    "hub.W005": {**PRODUCTION, "HUB_SECRET_KEY": "short"},
    "hub.W006": {**PRODUCTION, "HUB_SECURE_COOKIES": "0"},
    "hub.W007": {**PRODUCTION, "HUB_PROXIES": "0"},
    "hub.W008": {"WEB_CONCURRENCY": "2"},
}
# These ask the database itself: tests/unit/hub/test_postgresql_checks.py.
ASKING_THE_DATABASE = {"hub.W010", "hub.W011"}


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[CheckMessage]]:
    """What the checks find when the settings are read in this environment."""

    def found(**environment: str) -> list[CheckMessage]:
        for name in list(os.environ):
            if name.startswith(("HUB_", "DATABASE_", "WEB_", "PROMETHEUS_")):
                monkeypatch.delenv(name)
        for name, value in {"HUB_DATA_DIR": str(tmp_path / "data"), **environment}.items():
            monkeypatch.setenv(name, value)
        values = {name: value for name, value in run_path(str(SETTINGS)).items() if name.isupper()}
        # What a running Django cannot change any more.
        for name in ("DATABASES", "INSTALLED_APPS", "LOGGING", "STATIC_ROOT"):
            values.pop(name)
        with override_settings(**values):
            return [message for message in run_checks() if not message.is_silenced()]

    return found


@pytest.mark.parametrize("id", WRONG)
def test_a_wrong_combination_is_named_with_its_fix(check: Callable[..., list[CheckMessage]], id: str) -> None:
    found = {message.id: message for message in check(**WRONG[id])}
    assert found[id].is_serious() == id.startswith("hub.E")
    assert found[id].hint
    assert "pass-of-" not in str(found)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {**PRODUCTION, "DATABASE_URL": POSTGRES, "HUB_BROKER_URL": REDIS, "HUB_STORAGE_URL": S3},
        {**PRODUCTION, "DATABASE_URL": "postgres://hub@localhost/hub"},
    ],
    ids=["embedded", "several machines", "postgresql here"],
)
def test_a_right_combination_passes_in_silence(
    check: Callable[..., list[CheckMessage]], environment: dict[str, str]
) -> None:
    assert check(**environment) == []


def test_a_warning_that_was_considered_can_be_silenced(check: Callable[..., list[CheckMessage]]) -> None:
    assert check(**WRONG["hub.W002"], HUB_SILENCED_CHECKS="hub.W002") == []


@pytest.mark.parametrize("url", [{"DATABASE_URL": POSTGRES}, {"HUB_BROKER_URL": REDIS}, {"HUB_STORAGE_URL": S3}])
def test_each_service_of_its_own_makes_a_production_hub_which_has_no_default_secret(
    check: Callable[..., list[CheckMessage]], tmp_path: Path, url: dict[str, str]
) -> None:
    assert "hub.E005" in {message.id for message in check(**url)}
    assert not (tmp_path / "data" / "secret_key").exists()


@pytest.mark.parametrize(
    "command",
    [["-c", "import hub.wsgi"], ["-m", "celery", "-A", "hub", "worker", "--pool=threads"]],
    ids=["web", "worker"],
)
def test_a_web_server_and_a_worker_refuse_to_start_wrongly(tmp_path: Path, command: list[str]) -> None:
    wrong = {"HUB_PRODUCTION": "1", "HUB_SECRET_KEY": "", "HUB_BROKER_URL": "memory://"}
    environment = {**os.environ, "HUB_DATA_DIR": str(tmp_path), "DATABASE_URL": "", **wrong}
    done = subprocess.run(
        [sys.executable, *command], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "hub.E005" in done.stderr + done.stdout
    assert "Fix: " in done.stderr + done.stdout
