"""The whole hub on one machine, with a misbehaving proxy before each service: what every fault is done to."""

import secrets
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

from cluster import postgres, redis
from cluster.postgres import Postgres
from cluster.process import Server, run
from cluster.redis import Redis
from cluster.swift import Swift
from tests.faults.processes import Web, Worker
from tests.servers.postgres import QUICK, make_folder
from tests.servers.proxy import FaultyProxy
from tests.servers.tcp_proxy import TcpProxy

LEASE_SECONDS = 3
SWEEP_SECONDS = 1
MOST_CONNECTIONS = 40
PREFIX = "faults"


class Topology:
    """PostgreSQL, Redis and Swift behind proxies, two web processes and two workers; everything on loopback.

    ``with Topology() as hub`` starts it all and leaves nothing behind. Tests hurt the parts by name and need not heal
    them: ``calm`` does, before the next test.
    """

    def __init__(self, *, services_only: bool = False, **environment: str) -> None:
        self.services_only = services_only
        self._settings = environment
        self._witness_lock = Lock()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # PostgreSQL runs as another account, which must be able to enter the folder.
            self.folder = make_folder()
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._start_services(stack)
            self.environment = self._environment() | self._settings
            for number in () if self.services_only else (1, 2):
                self.add_web(f"web{number}")
                self.add_worker(f"worker{number}")
            self._left = stack.pop_all()
        try:
            self.manage("migrate", "--verbosity", "0")
            for server in self.hub_processes:
                server.launch()
            for server in self.hub_processes:
                server.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for server in self.hub_processes:
            server.kill()
        self._left.close()

    def _start_services(self, stack: ExitStack) -> None:
        settings = QUICK | {"max_connections": str(MOST_CONNECTIONS), "log_lock_waits": "on"}
        self.postgres = Postgres(self.folder / "postgres", settings=settings)
        self.redis = Redis(self.folder / "redis", password=secrets.token_urlsafe(12))
        self.swift = Swift(self.folder / "swift")
        self.webs: list[Web] = []
        self.workers: list[Worker] = []
        stack.callback(self.postgres.kill)
        stack.callback(self.redis.kill)
        stack.callback(self.swift.kill)
        self.postgres.start()
        self.redis.start()
        self.swift.start()
        self.postgres.database("hub")
        self.database_proxy = stack.enter_context(TcpProxy(self.postgres.port))
        self.broker_proxy = stack.enter_context(TcpProxy(self.redis.port))
        self.store_proxy = stack.enter_context(FaultyProxy(self.swift.endpoint))

    def _environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "hub.settings",
            "HUB_DATA_DIR": str(self.folder / "data"),
            "HUB_SECRET_KEY": secrets.token_urlsafe(50),
            "DATABASE_URL": self.postgres.url(port=self.database_proxy.listens_on),
            "HUB_BROKER_URL": self.redis.url(port=self.broker_proxy.listens_on),
            "HUB_STORAGE_URL": self.swift.url(PREFIX, endpoint=self.store_proxy.url),
            "HUB_JOB_LEASE_SECONDS": str(LEASE_SECONDS),
            "HUB_JOB_SWEEP_SECONDS": str(SWEEP_SECONDS),
            "HUB_JOB_LOOK_SECONDS": "1",
            "HUB_WORKER_THREADS": "1",
            "HUB_PART_SIZE_BYTES": str(128 << 10),
            "HUB_CHILD_SECONDS": "20",
            "HF_HUB_OFFLINE": "1",
            **self.swift.environment,
        }

    @property
    def hub_processes(self) -> list[Server]:
        """The webs and the workers."""
        return [*self.webs, *self.workers]

    def add_web(self, name: str, **environment: str) -> Web:
        """One more web process, not started."""
        self.webs.append(Web(name, self.folder / name, self.environment | environment))
        return self.webs[-1]

    def add_worker(self, name: str, **environment: str) -> Worker:
        """One more worker, not started."""
        self.workers.append(Worker(name, self.folder / name, self.environment | environment))
        return self.workers[-1]

    @property
    def url(self) -> str:
        """The first web process."""
        return self.webs[0].url

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run ``manage.py`` to its end and return what it said."""
        import sys

        return run([sys.executable, "manage.py", *arguments], environment=self.environment | environment)

    # ---------------------------------------------------------------- behind the hub's back

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, asked as the superuser and past the proxy."""
        text: Any = statement.encode()
        with self._witness_lock:
            try:
                cursor = self._witness.execute(text, values)
            except (AttributeError, psycopg.OperationalError):
                # The first time, or the server was restarted since.
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

    def staged(self) -> list[str]:
        """Received parts of unfinished uploads."""
        return self.swift.keys(f"{PREFIX}/staging/")

    # ---------------------------------------------------------------- back to fair weather

    def calm(self, *, seconds: float = 60) -> None:
        """Heal everything, and return when the hub answers and no job is left that somebody waits for."""
        self.clear_the_weather()
        for service in (self.postgres, self.redis, self.swift):
            if service.is_running():
                service.resume()
            else:
                service.start()
        for server in self.hub_processes:
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
    from cluster import swift

    folder = Path(tempfile.gettempdir())
    return postgres.why_not() or redis.why_not() or swift.why_not(folder)


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
