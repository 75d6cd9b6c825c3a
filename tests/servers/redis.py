"""A real Redis server for tests, on a free port of this machine; it can be stopped, killed and started again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as client_library

from tests.servers.ports import free_port

_START_SECONDS = 15


class RedisServer:
    """One server in ``folder``. It keeps its port over stop, kill and restart; its data only where ``keeps_data``.

    Usable outside pytest: ``with RedisServer(folder) as server: server.url()``.
    """

    def __init__(self, folder: Path, *, keeps_data: bool = True, password: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self._keeps_data = keeps_data
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RedisServer":
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def url(self, database: int = 0, *, port: int | None = None) -> str:
        """A HUB_BROKER_URL of this server, or of a proxy that listens on ``port``."""
        secret = f":{self._password}@" if self._password else ""
        return f"redis://{secret}127.0.0.1:{port or self.port}/{database}"

    def client(self, database: int = 0) -> "client_library.Redis":
        """A bare client, for looking behind the hub's back."""
        return client_library.Redis.from_url(self.url(database), socket_timeout=5, decode_responses=True)

    def start(self) -> "RedisServer":
        """Start, for the first time or again, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "yes" if self._keeps_data else "no"]
        command += ["--requirepass", self._password] if self._password else []
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"Redis did not start:\n{self.log()[-3000:]}")
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """SIGTERM, which keeps the data where they are kept; nothing happens where it does not run."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def restart(self) -> "RedisServer":
        """Stop and start."""
        self.stop()
        return self.start()

    def forget(self) -> None:
        """Delete what it has written; for a server that does not run."""
        for path in self.folder.glob("appendonlydir"):
            shutil.rmtree(path)
        (self.folder / "dump.rdb").unlink(missing_ok=True)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def is_ready(self) -> bool:
        """Whether it answers now."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except client_library.RedisError:
            return False

    def log(self) -> str:
        """Everything the server has logged."""
        return (self.folder / "redis.log").read_text(errors="replace")


def why_not() -> str:
    """Why Redis cannot run here, or an empty string."""
    return "" if shutil.which("redis-server") else "needs Redis: apt-get install redis-server"


def run_server(*, keeps_data: bool = True, password: str = "") -> Iterator[RedisServer]:
    """A server of one's own, for as long as the caller wants: the body of every fixture that needs one."""
    if reason := why_not():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    try:
        with RedisServer(folder, keeps_data=keeps_data, password=password) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """One server for the whole session: take a database number of your own, and leave the server running."""
    yield from run_server()


@pytest.fixture
def breakable_redis() -> Iterator[RedisServer]:
    """A server for one test, which may stop it, kill it and start it again."""
    yield from run_server()
