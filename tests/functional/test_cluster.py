"""The topology of `make cluster`: an adapter goes in and comes out; slow clients and a killed process hurt nobody."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from cluster.process import REPOSITORY, family
from cluster.topology import Cluster, why_not_here
from tests.functional.conftest import BASE, PASSWORD
from tests.functional.hub_process import Api
from tests.functional.test_push_then_pull import run_client
from tests.servers.postgres import QUICK

NAME = "team/on-a-cluster"
THREADS = 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Everything, with few web threads; skips by name where a program is missing."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    try:
        if reason := why_not_here(folder):
            pytest.skip(reason)
        cluster = Cluster(folder, postgres_settings=QUICK)
        for web in cluster.webs:
            web.environment["HUB_WEB_THREADS"] = str(THREADS)
        with cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def admin(cluster: Cluster, minilm: Path) -> Api:
    """An administrator, with an organisation and a base model."""
    admin = Api(cluster.url, cluster.bootstrap()["token"])
    admin("POST", "/users", json={"username": "pusher", "email": "", "password": PASSWORD}, expect=201)
    admin("POST", "/namespaces", json={"name": "team"}, expect=201)
    config = json.loads((minilm / "config.json").read_text())
    made = admin("POST", "/base-models", json={"id": BASE, "config": config, "license": "Apache-2.0"})
    assert made.status_code in (200, 202), made.text
    assert made.json()["job"] is None or admin.wait(made.json()["job"])["state"] == "succeeded"
    return admin


def test_an_adapter_goes_in_and_comes_out_byte_for_byte(
    cluster: Cluster, admin: Api, lora: Path, tmp_path: Path
) -> None:
    hub = SimpleNamespace(url=cluster.url, data_dir=tmp_path)
    options = ["--base", BASE, "--version", "1.0.0", "--license", "Apache-2.0", "--wait"]
    pushed = run_client(hub, admin, "push", str(lora), NAME, *options)  # type: ignore[arg-type]
    commit = pushed["revision"]["commit_id"] if "revision" in pushed else pushed["commit_id"]
    admin("POST", f"/adapters/{NAME}/revisions/{commit}/reviews", json={"decision": "approve"}, expect=201)
    run_client(hub, admin, "pull", f"{NAME}@1.0.0", "--dest", str(tmp_path / "home"))  # type: ignore[arg-type]
    files = [path for path in lora.iterdir() if path.is_file()]
    assert {path.name: (tmp_path / "home" / path.name).read_bytes() for path in files} == {
        path.name: path.read_bytes() for path in files
    }
    assert len(cluster.swift.keys("blobs/")) == len({path.read_bytes() for path in files})
    (finished,) = cluster.postgres.execute(
        "SELECT count(*) FROM jobs_job WHERE state = 'succeeded' AND kind LIKE 'validat%'", database="hub"
    )
    assert finished == (1,)


def test_both_web_processes_are_asked(cluster: Cluster) -> None:
    for _ in range(20):
        httpx.get(f"{cluster.url}/healthz").raise_for_status()
    log = cluster.nginx.access_log.read_text()
    assert all(f"upstream=127.0.0.1:{web.port}" in log for web in cluster.webs)


def test_no_get_fails_when_a_web_process_is_killed(cluster: Cluster, admin: Api) -> None:
    def ask(number: int) -> int:
        if number == 30:
            cluster.webs[0].kill()
        return httpx.get(f"{cluster.url}/api/v1/base-models", timeout=30).status_code

    try:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(120))) == {200}
    finally:
        cluster.webs[0].start()
    assert cluster.webs[0].is_running()


def half_a_request(port: int) -> socket.socket:
    """A client that has promised more than it has sent, to a page that reads what is sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    request = "POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: csrftoken=" + 32 * "a"
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000"
    connection.sendall(f"{request}\r\n{form}\r\n\r\nusername=".encode())
    return connection


def test_slow_clients_hold_no_web_thread(cluster: Cluster) -> None:
    slow = [half_a_request(cluster.nginx.port) for _ in range(4 * THREADS * len(cluster.webs))]
    try:
        time.sleep(0.5)
        for _ in range(10):
            assert httpx.get(f"{cluster.url}/api/v1/", timeout=10).status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_without_the_proxy_as_many_slow_clients_as_threads_would_hold_them_all(cluster: Cluster) -> None:
    web = cluster.webs[1]
    slow = [half_a_request(web.port) for _ in range(THREADS)]
    try:
        time.sleep(1)
        with pytest.raises(httpx.TimeoutException):
            httpx.get(f"{web.url}/healthz", timeout=2)
    finally:
        for connection in slow:
            connection.close()
    assert httpx.get(f"{web.url}/healthz", timeout=30).status_code == 200


def test_an_interrupted_run_leaves_no_process_and_no_half_stopped_server(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    try:
        if reason := why_not_here(folder):
            pytest.skip(reason)
        command = [sys.executable, "-m", "cluster", "--no-walk", "--root", str(folder)]
        run = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        seen = next(line for line in run.stdout if "swift" in line and "ready" in line)
        mine = family(run.pid) - {run.pid}
        run.terminate()
        said = seen + run.stdout.read()
        assert run.wait(60) == 130, said
        assert "postgres  stopped in" in said
        assert not [pid for pid in mine if Path(f"/proc/{pid}").exists()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
