"""What was interrupted goes on: a killed client resumes its upload, a killed hub finishes its jobs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import PASSWORD, sign_in
from tests.functional.hub_process import REPOSITORY, Api, HubProcess, bootstrap
from tests.functional.real_adapters import make_lora
from tests.functional.test_bad_input import announce, finish, send

NAME = "pusher/interrupted"


@pytest.fixture(scope="module")
def impatient_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub with small parts, short leases and a busy sweep."""
    settings = {"HUB_PART_SIZE_BYTES": "8192", "HUB_JOB_LEASE_SECONDS": "3", "HUB_JOB_SWEEP_SECONDS": "1"}
    process = HubProcess(tmp_path_factory.mktemp("impatient"), **settings).start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def pusher(impatient_hub: HubProcess, minilm: Path) -> Api:
    """A user with a namespace of the same name, in which no review is needed, and a registered base model."""
    admin = bootstrap(impatient_hub)
    admin("POST", "/users", json={"username": "pusher", "email": "", "password": PASSWORD}, expect=201)
    config = json.loads((minilm / "config.json").read_text())
    made = admin("POST", "/base-models", json={"id": "all-MiniLM-L6-v2", "config": config}, expect=202)
    assert admin.wait(made["job"])["state"] == "succeeded"
    return sign_in(impatient_hub, "pusher")


@pytest.fixture(scope="module")
def large_lora(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 3 MB: several hundred parts of 8 KiB."""
    return make_lora(minilm, tmp_path_factory.mktemp("large") / "lora", seed=2, rank=64)


def start_push(hub: HubProcess, api: Api, folder: Path) -> subprocess.Popen[str]:
    home = {"HOME": str(hub.data_dir / "home"), "XDG_CACHE_HOME": str(hub.data_dir / "cache")}
    command = [sys.executable, "-m", "hubclient", "push", str(folder), NAME, "--base", "all-MiniLM-L6-v2"]
    return subprocess.Popen(
        [*command, "--version", "1.0.0", "--wait", "--json"],
        cwd=REPOSITORY,
        env={**os.environ, **home, "HUB_URL": hub.url, "HUB_TOKEN": api.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_client_killed_half_way_resumes_where_it_was(
    impatient_hub: HubProcess, pusher: Api, large_lora: Path
) -> None:
    first = start_push(impatient_hub, pusher, large_lora)
    deadline = time.monotonic() + 60
    while len(impatient_hub.staged()) < 20 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert len(impatient_hub.staged()) >= 20, "the client was killed before it had sent enough"
    assert pusher("GET", f"/adapters/{NAME}").status_code == 404, "nothing is visible of half an upload"

    second = start_push(impatient_hub, pusher, large_lora)
    output, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert json.loads(output)["state"] == "published"
    count = "from catalog.uploads.models import Upload; print(Upload.objects.count())"
    assert impatient_hub.manage("shell", "-v", "0", "-c", count).split()[-1] == "1", (
        "the first upload was taken up again"
    )
    assert impatient_hub.staged() == []


def test_a_hub_killed_in_the_middle_of_its_jobs_ends_them_after_its_restart(
    impatient_hub: HubProcess, pusher: Api, large_lora: Path
) -> None:
    files = {path.name: path.read_bytes() for path in large_lora.iterdir()}
    jobs = {}
    for number in range(3):
        name = f"pusher/survivor-{number}"
        upload = announce(pusher, name, files, base="all-MiniLM-L6-v2", version="1.0.0").json()
        send(pusher, upload, files)
        jobs[name] = finish(pusher, upload, files).json()["job"]["id"]
    impatient_hub.kill()
    impatient_hub.start()
    for name, job in jobs.items():
        ended = pusher.wait(job, seconds=60)
        assert ended["state"] == "succeeded", ended
        versions = pusher("GET", f"/adapters/{name}/versions", expect=200)["results"]
        assert [(version["version"], version["state"]) for version in versions] == [("1.0.0", "published")]


def test_a_hub_told_to_stop_ends_in_order(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "data").start()
    assert hub.stop() == 0
    assert hub.log().rstrip().endswith("stopped")
