"""Disks that are full: what cannot be written is refused in words, what is there is served, and room heals it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.postgres import Postgres, why_not
from tests.faults.people import BASE, PASSWORD, announce, digest, finish, parts_of, send, send_part
from tests.functional.hub_process import Api, HubProcess, bootstrap
from tests.functional.real_adapters import minilm_folder
from tests.servers.postgres import QUICK, make_folder

REFUSALS = (507, 503)
MEBIBYTE = 1 << 20


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A filesystem of its own: a tmpfs of 64 MB, which only root may mount."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small tmpfs")
    folder = make_folder()
    options = ["-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True).returncode:
        shutil.rmtree(folder)
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def fill(folder: Path, *, leaving: int = 0) -> Path:
    """A file that takes all the room but so many bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        room = shutil.disk_usage(folder).free - leaving
        os.posix_fallocate(file.fileno(), 0, max(room, 4096))
    return ballast


@pytest.fixture
def pusher(small_disk: Path, tmp_path: Path) -> Iterator[Any]:
    """A hub whose store lies on the small disk (and the database on a large one), and somebody who pushes."""
    hub = HubProcess(tmp_path / "data", HUB_STORAGE_URL=str(small_disk / "store"), HUB_PART_SIZE_BYTES=str(MEBIBYTE))
    hub.start()
    try:
        yield SimpleNamespace(hub=hub, api=ready_to_push(hub))
    finally:
        hub.kill()


def ready_to_push(hub: HubProcess) -> Api:
    """A user with a namespace of the same name, in which nothing is reviewed, and the base model."""
    admin = bootstrap(hub)
    admin("POST", "/users", json={"username": "pusher", "email": "", "password": PASSWORD}, expect=201)
    config = (minilm_folder() / "config.json").read_text()
    made = admin("POST", "/base-models", json={"id": BASE, "config": json.loads(config)}, expect=202)
    assert admin.wait(made["job"], seconds=120)["state"] == "succeeded"
    body = {"name": "tests", "scopes": ["read", "write"]}
    token = Api(hub.url)("POST", "/tokens", json=body, auth=("pusher", PASSWORD), expect=201)["token"]
    return Api(hub.url, token)


def push(api: Api, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    """A whole push, validated."""
    upload = announce(api, name, files, version="1.0.0").json()
    send(api, upload, files)
    body = finish(api, upload, files).json()
    api.wait(body["job"]["id"], seconds=120)
    revision: dict[str, Any] = api("GET", f"/adapters/{name}/revisions/{body['revision']['commit_id']}", expect=200)
    return revision


@pytest.mark.fault("disk full")
def test_a_store_without_room_refuses_in_words_serves_what_it_has_and_goes_on_when_there_is_room(
    pusher: Any, small_disk: Path, real_lora: Path
) -> None:
    api, hub = pusher.api, pusher.hub
    files = {path.name: path.read_bytes() for path in real_lora.iterdir()}
    assert push(api, "pusher/before", files)["state"] == "published"
    later = files | {"NOTES.md": os.urandom(3 * MEBIBYTE).hex().encode()}
    upload = announce(api, "pusher/later", later, version="1.0.0").json()
    parts = list(parts_of(upload, later))
    assert send_part(api, *parts[0]).is_success
    ballast = fill(small_disk, leaving=2 * MEBIBYTE)

    answers = [send_part(api, part, content) for part, content in parts[1:]]
    refused = [answer for answer in answers if not answer.is_success]
    assert refused
    assert {answer.status_code for answer in refused} <= set(REFUSALS), [answer.text for answer in refused]
    assert all(answer.json()["code"] for answer in refused)
    assert_whole(small_disk / "store")
    for path, content in files.items():
        answer = api("GET", f"/adapters/pusher/before/files/1.0.0/{path}")
        assert (answer.status_code, answer.content) == (200, content)
    assert api("GET", "/adapters/pusher/later").status_code == 404

    ballast.unlink()
    rest = api("GET", f"/uploads/{upload['id']}", expect=200)
    send(api, rest, later)
    finished = finish(api, rest, later)
    assert finished.status_code == 202, finished.text
    assert api.wait(finished.json()["job"]["id"], seconds=120)["state"] == "succeeded"
    assert_whole(small_disk / "store")
    assert "Traceback" not in hub.log()


def assert_whole(store: Path) -> None:
    """Every object's bytes are those that its name says."""
    for path in (store / "blobs").glob("??/??/*"):
        assert digest(path.read_bytes()) == path.name


@pytest.mark.faults_full
@pytest.mark.fault("disk full")
def test_a_database_without_room_is_a_503_and_reading_goes_on(
    small_disk: Path, tmp_path: Path, real_lora: Path
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    os.chmod(small_disk, 0o755)
    settings = QUICK | {"wal_keep_size": "0", "min_wal_size": "32MB", "max_wal_size": "32MB", "shared_buffers": "8MB"}
    postgres = Postgres(small_disk / "postgres", settings=settings)
    hub = None
    try:
        postgres.start()
        hub = HubProcess(tmp_path / "data", DATABASE_URL=postgres.database("hub")).start()
        api = ready_to_push(hub)
        files = {path.name: path.read_bytes() for path in real_lora.iterdir()}
        assert push(api, "pusher/before", files)["state"] == "published"
        ballast = fill(small_disk)
        answers = [announce(api, f"pusher/later-{number}", files, version="1.0.0") for number in range(300)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert {answer.status_code for answer in refused} <= set(REFUSALS), refused[0].text
        assert api("GET", "/adapters/pusher/before").status_code in (200, *REFUSALS)
        ballast.unlink()
        if not postgres.is_running():
            postgres.start()
        assert push(api, "pusher/after", files)["state"] == "published"
        assert api("GET", "/adapters/pusher/before", expect=200)["default_version"] == "1.0.0"
    finally:
        if hub is not None:
            hub.kill()
        postgres.kill()
