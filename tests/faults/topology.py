"""The whole hub on one machine, with a misbehaving proxy before each service: what every fault is done to."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Self

import httpx
import psycopg

from cluster.process import Server
from cluster.swift import Swift
from cluster.topology import Cluster, why_not_here
from tests.faults.processes import scratch_of
from tests.servers.postgres import QUICK, make_folder
from tests.servers.proxy import FaultyProxy
from tests.servers.tcp_proxy import TcpProxy

LEASE_SECONDS = 3
MOST_CONNECTIONS = 40
PREFIX = "faults"
POISON = Path(__file__).resolve().parent / "poison"
_IMPATIENT = {
    "HUB_JOB_LEASE_SECONDS": str(LEASE_SECONDS),
    "HUB_JOB_SWEEP_SECONDS": "1",
    "HUB_JOB_LOOK_SECONDS": "1",
    # One job at a time for each worker, so that a worker's child is its job's.
    "HUB_WORKER_THREADS": "1",
    "HUB_PART_SIZE_BYTES": str(128 << 10),
    "HUB_CHILD_SECONDS": "20",
    "HF_HUB_OFFLINE": "1",
}


class Topology(Cluster):
    """PostgreSQL, Redis and Swift behind proxies, two web processes and nginx, two workers; everything on loopback.

    ``with Topology() as hub`` starts it all and leaves nothing behind. Tests hurt the parts by name and need not heal
    them: ``calm`` does, before the next test.
    """

    def __init__(self, **settings: str) -> None:
        self._stack = ExitStack()
        # PostgreSQL runs as another account, which must be able to enter the folder.
        folder = make_folder()
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        connections = {"max_connections": str(MOST_CONNECTIONS), "log_lock_waits": "on"}
        super().__init__(folder, workers=("cpu,gpu", "cpu,gpu"), postgres_settings=QUICK | connections)
        self.swift.allowed_skew_seconds = 2 * 3600
        # Nothing here waits for the time of day; each worker sweeps by itself.
        self.processes.remove(self.beat)
        self.settings |= _IMPATIENT | settings
        for worker in self.workers:
            scratch_of(worker).mkdir(parents=True)
            worker.environment["TMPDIR"] = str(scratch_of(worker))
            worker.environment["PYTHONPATH"] = str(POISON)
        self._witness_lock = Lock()
        self._witness: psycopg.Connection[tuple[Any, ...]] | None = None

    def start(self) -> Self:
        """Start the proxies, and everything with them in between."""
        self.database_proxy = self._stack.enter_context(TcpProxy(self.postgres.port))
        self.broker_proxy = self._stack.enter_context(TcpProxy(self.redis.port))
        self.store_proxy = self._stack.enter_context(FaultyProxy(self.swift.endpoint))
        self.settings |= {
            "DATABASE_URL": self.postgres.url(port=self.database_proxy.listens_on),
            "HUB_BROKER_URL": self.redis.url(port=self.broker_proxy.listens_on),
            "HUB_STORAGE_URL": self.swift.url(PREFIX, endpoint=self.store_proxy.url),
        }
        return super().start()

    def stop(self) -> None:
        """End everything by force: nothing in it is worth an orderly end."""
        for member in reversed(self.members):
            if member.is_running():
                member.kill()
        self._stack.close()

    # ---------------------------------------------------------------- behind the hub's back

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, asked as the superuser and past the proxy."""
        text: Any = statement.encode()
        with self._witness_lock:
            try:
                self._witness = self._witness or self.connection()
                cursor = self._witness.execute(text, values)
            except psycopg.OperationalError:
                # The server was restarted since.
                self._witness = self.connection()
                cursor = self._witness.execute(text, values)
            return cursor.fetchall() if cursor.description else []

    def connection(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A superuser's connection to the hub's database, past the proxy; each statement commits."""
        url = f"postgres://postgres:{self.postgres.password}@127.0.0.1:{self.postgres.port}/hub"
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def blobs(self) -> set[str]:
        """The digests below blobs/ in the bucket."""
        return {key.rpartition("/")[2] for key in self.swift.keys(f"{PREFIX}/blobs/")}

    def staged(self, upload: str) -> list[str]:
        """What the bucket holds of an unfinished upload: received parts, and multipart uploads that were begun."""
        prefix = f"{PREFIX}/staging/{upload.replace('-', '')}/"
        return self.swift.keys(prefix) + self.swift.unfinished(prefix)

    # ---------------------------------------------------------------- back to fair weather

    def calm(self, *, seconds: float = 120) -> None:
        """Heal everything, and return when the hub answers and no job is left that somebody waits for."""
        self.clear_the_weather()
        for service in (self.postgres, self.redis, self.swift):
            if service.is_running():
                service.resume()
            else:
                service.start()
        for server in self.processes:
            if server.is_running():
                server.resume()
            else:
                server.start()
        wait_until(self.is_healthy, seconds=seconds, what=lambda: f"the hub is not well: {self.state()}")
        wait_until(self.is_idle, seconds=seconds, what=lambda: f"jobs are left: {self.unfinished_jobs()}")

    def clear_the_weather(self) -> None:
        """Let all proxies pass everything again."""
        for proxy in (self.database_proxy, self.broker_proxy):
            proxy.weather.clear()
        self.store_proxy.faults.clear()

    def is_healthy(self) -> bool:
        """Every web process says that it is ready, in full."""
        return all(code == 200 and body.get("status") == "ok" for code, body in self.state())

    def state(self) -> list[tuple[int, dict[str, Any]]]:
        """What each web process answers on /readyz."""
        answers = []
        for web in self.webs:
            answer: tuple[int, dict[str, Any]] = (0, {})
            with suppress(httpx.TransportError, ValueError):
                response = httpx.get(f"{web.url}/readyz", timeout=10)
                answer = (response.status_code, response.json())
            answers.append(answer)
        return answers

    def is_idle(self) -> bool:
        """No job waits or runs."""
        return not self.unfinished_jobs()

    def unfinished_jobs(self) -> list[tuple[Any, ...]]:
        """Jobs that wait or run: id, kind, state, attempts, error."""
        return self.rows(
            "SELECT id, kind, state, attempts, error FROM jobs_job WHERE state IN ('queued', 'running') LIMIT 10"
        )


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str | Callable[[], str]) -> float:
    """Return how many seconds it took until ``is_so``. Raises AssertionError with ``what``."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if is_so():
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(what() if callable(what) else what)


def why_not() -> str:
    """Why the topology cannot run on this machine, or an empty string."""
    return why_not_here(Path(tempfile.gettempdir()))


@contextmanager
def paused(*servers: Server | Swift) -> Iterator[None]:
    """SIGSTOP the servers inside the ``with`` block."""
    for server in servers:
        server.pause()
    try:
        yield
    finally:
        for server in servers:
            server.resume()
