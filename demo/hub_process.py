"""The hub as the demonstration sees it: a process to start, to wait for and to stop; or one that runs already."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Protocol

import httpx

START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOG_LINES_SHOWN = 15
REPOSITORY = Path(__file__).resolve().parent.parent


class HubNotRunningError(RuntimeError):
    """The hub did not start, or ended by itself; the message holds the end of its log."""


class AnyHub(Protocol):
    """What the walk needs to know of a hub."""

    url: str

    def bootstrap(self, username: str) -> dict[str, Any]:
        """An administrator: ``{"username", "password", "token"}``. Raises HubNotRunningError."""


class RunningHub:
    """A hub that somebody else started, and one of its administrators' tokens."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token

    def require_administrator(self) -> None:
        """Raise HubNotRunningError unless the hub answers and the token is an administrator's."""
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = httpx.get(f"{self.url}/api/v1/whoami", headers=headers, timeout=30.0)
        if answer.is_error or not answer.json()["is_staff"]:
            raise HubNotRunningError(f"{self.url} answered {answer.status_code}; set HUB_TOKEN to an administrator's.")

    def bootstrap(self, username: str) -> dict[str, Any]:
        """The administrator whose token this is; the password stays theirs."""
        return {"username": username, "password": "", "token": self._token}


class HubProcess:
    """`manage.py serve` on a data folder of its own; a context manager that stops it at the end."""

    def __init__(self, data_folder: Path, port: int) -> None:
        self.data_folder = data_folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log_file = data_folder.parent / "hub.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def require_free_port(self) -> None:
        """Raise HubNotRunningError if something listens already: its answers would be taken for this hub's."""
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise HubNotRunningError(f"Port {self.port} is in use; choose another: make demo PORT=8001.")

    def __enter__(self) -> "HubProcess":
        self.require_free_port()
        self.data_folder.mkdir(parents=True, exist_ok=True)
        self._log = self.log_file.open("ab")
        command = [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        # Ctrl-C reaches the whole foreground group; a session of its own lets us stop the hub in order.
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, env=self._environment(), stdout=self._log, stderr=self._log, start_new_session=True
        )
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def bootstrap(self, username: str) -> dict[str, Any]:
        """The first administrator: `{"username", "password", "token"}`. Raises HubNotRunningError when refused."""
        command = [sys.executable, "manage.py", "bootstrap", "--username", username, "--json"]
        done = subprocess.run(command, cwd=REPOSITORY, env=self._environment(), capture_output=True, text=True)
        if done.returncode:
            hint = f"Delete {self.data_folder.parent} to begin again."
            raise HubNotRunningError(f"The first administrator could not be made: {done.stderr.strip()}\n{hint}")
        account: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return account

    def wait(self) -> None:
        """Return when the hub ends by itself."""
        if self._process is not None:
            self._process.wait()
            raise HubNotRunningError(self._last_words("The hub ended by itself."))

    def stop(self) -> None:
        """End the process in order, by force when it does not answer."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log is not None:
            self._log.close()

    def _environment(self) -> dict[str, str]:
        """This process's environment without settings of another hub: the embedded defaults are what is shown."""
        foreign = ("HUB_", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return kept | {"HUB_DATA_DIR": str(self.data_folder.resolve()), "PYTHONUNBUFFERED": "1"}

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise HubNotRunningError(self._last_words(f"The hub did not start on {self.url}."))
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2.0).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise HubNotRunningError(self._last_words(f"The hub did not answer on {self.url} within {START_SECONDS:g} s."))

    def _last_words(self, message: str) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join([message, f"The end of {self.log_file}:", *lines])
