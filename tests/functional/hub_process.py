"""A real hub as its own process: `manage.py serve` on a free port, with a data folder of its own."""

import atexit
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
SECRET_KEY = secrets.token_urlsafe(40)
DATABASE = "hub.sqlite3"
_START_SECONDS = 120


@cache
def migrated_database() -> Path:
    """An empty database with every table, made once: ninety migrations take a hub longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = {**os.environ, "HUB_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "hub.settings"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
    return folder / DATABASE


class HubProcess:
    """Start, stop, kill and start again; the data folder outlives the process."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "HUB_DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "hub.settings"}
        # A hub on services of its own has no default for its secret, and these tests speak to it without TLS.
        self._environment |= {"HUB_SECRET_KEY": SECRET_KEY, "HUB_SECURE_COOKIES": "0"} if environment else {}
        self._environment |= environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "HubProcess":
        """Start and wait until it answers."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if "DATABASE_URL" not in self._environment and not (self.data_dir / DATABASE).exists():
            shutil.copy(migrated_database(), self.data_dir / DATABASE)
        log = (self.data_dir / "serve.log").open("ab")
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"the hub did not start:\n{self.log()[-4000:]}")

    @property
    def pid(self) -> int:
        """Of the process itself; its jobs run in children."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def kill(self) -> None:
        """SIGKILL the hub and all its children, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def manage(self, *arguments: str) -> str:
        """Run `manage.py` with these arguments against the same data."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.check_output(command, cwd=REPOSITORY, env=self._environment, text=True)

    def log(self) -> str:
        """Everything the hub has logged."""
        return (self.data_dir / "serve.log").read_text(errors="replace")

    def blobs(self) -> set[str]:
        """The digests in its store."""
        return {path.name for path in (self.data_dir / "store" / "blobs").glob("??/??/*")}

    def staged(self) -> list[Path]:
        """Received parts of unfinished uploads; a part being written has a hidden name and does not count."""
        return [
            path for path in (self.data_dir / "store" / "staging").rglob("*") if path.name.isdigit() and path.is_file()
        ]


class Api:
    """The public HTTP API with one token."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.token = token
        self.client = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60)

    def __call__(self, method: str, path: str, *, expect: int | None = None, **options: Any) -> Any:
        """One call; with `expect` the status must be that one and the body is returned, else the response."""
        response = self.client.request(method, path, **options)
        if expect is None:
            return response
        assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text[:1000]}"
        return response.json() if response.content else None

    def wait(self, job_id: str, *, seconds: float = 60) -> dict[str, Any]:
        """Poll a job until it ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = self("GET", f"/jobs/{job_id}", expect=200)
            if job["state"] in ("succeeded", "failed", "cancelled"):
                return job
            time.sleep(0.05)
        raise AssertionError(f"job {job_id} did not end in {seconds} s: {job}")


def bootstrap(hub: HubProcess) -> Api:
    """The first administrator's API."""
    return Api(hub.url, json.loads(hub.manage("bootstrap", "--json"))["token"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
