"""`manage.py serve`, told to stop in the middle of a job: it is gone in seconds, and the job waits as if untouched."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.faults.test_workers_on_redis import CONFIG
from tests.functional.hub_process import Api, HubProcess, bootstrap

pytest.importorskip("torch", reason="the forkserver preloads torch")
REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_job_of_the_embedded_worker_is_given_back_and_ended_by_the_next_process(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path)
    environment = {**os.environ, "HUB_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "hub.settings"}
    command = [sys.executable, "-m", "tests.faults.slow_serve", "--port", str(hub.port)]
    with (tmp_path / "slow.log").open("wb") as log:
        slow = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(f"{hub.url}/healthz")
        admin = bootstrap(hub)
        job_id = admin("POST", "/base-models", json={"id": "tiny/bert", "config": CONFIG}, expect=202)["job"]
        child = _child_of(admin, job_id)
        began = time.monotonic()
        slow.terminate()
        assert slow.wait(60) == 0, (tmp_path / "slow.log").read_text()[-2000:]
        assert time.monotonic() - began < 30
        assert not Path(f"/proc/{child}").exists()
    finally:
        if slow.poll() is None:
            os.killpg(slow.pid, signal.SIGKILL)
    shown = hub.manage("shell", "-c", "from catalog.jobs.models import Job; import json; "
                       "print(json.dumps(list(Job.objects.values('state', 'attempts'))))")  # fmt: skip
    assert json.loads(shown.splitlines()[-1]) == [{"state": "queued", "attempts": 0}]
    hub.start()
    try:
        ended = Api(hub.url, admin.token).wait(job_id)
    finally:
        hub.stop()
    assert (ended["state"], ended["attempts"]) == ("succeeded", 1)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} never answered")


def _child_of(admin: Api, job_id: str) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        note = admin("GET", f"/jobs/{job_id}", expect=200)["progress_note"]
        if note.isdigit():
            return int(note)
        time.sleep(0.1)
    raise AssertionError("the child never reported")
