"""The whole hub as processes of one machine, each killable and restartable by name, each address overridable."""

import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, Self

from cluster.nginx import Nginx
from cluster.postgres import Postgres
from cluster.process import Server, run
from cluster.redis import Redis
from cluster.swift import Swift, why_not
from cluster.web import Web
from cluster.worker import Beat, Worker

Say = Callable[[str], None]


class Member(Protocol):
    """What every process of the topology can be asked: ``Server`` or ``Swift``."""

    name: str

    def start(self) -> Any: ...
    def stop(self) -> str: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def terminate(self) -> None: ...
    def restart(self) -> Any: ...
    def is_running(self) -> bool: ...
    def log(self) -> str: ...


class Cluster:
    """PostgreSQL, Redis, Swift, web processes, nginx, workers and beat.

    Ports and secrets are chosen when it is made, so that proxies can be put in between before anything starts::

        cluster = Cluster(folder, settings={"HUB_JOB_LEASE_SECONDS": "5"})
        cluster.settings["DATABASE_URL"] = cluster.postgres.url(port=proxy.port)
        with cluster:
            cluster["worker-1"].kill()

    ``settings`` reach every process of the hub; ``cluster["worker-1"].environment`` reaches one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        webs: int = 2,
        workers: Sequence[str] = ("cpu", "gpu,cpu"),
        postgres_settings: Mapping[str, str] | None = None,
        port: int = 0,
        say: Say = lambda line: None,
    ) -> None:
        self.folder = folder.resolve()
        self.postgres = Postgres(self.folder / "postgres", settings=postgres_settings)
        self.redis = Redis(self.folder / "redis", password=secrets.token_urlsafe(24))
        self.swift = Swift(self.folder / "swift")
        self.webs = [Web(f"web-{number}", self.folder / f"web-{number}") for number in range(1, webs + 1)]
        self.workers = [
            Worker(f"worker-{number}", self.folder / f"worker-{number}", queues=queues)
            for number, queues in enumerate(workers, start=1)
        ]
        self.beat = Beat(self.folder / "beat")
        self.nginx = Nginx(self.folder / "nginx", [web.port for web in self.webs], port=port)
        self.stores: list[Member] = [self.postgres, self.redis, self.swift]
        self.processes: list[Server] = [*self.webs, *self.workers, self.beat, self.nginx]
        self.settings = {**self._addresses(), **(settings or {})}
        self._say = say

    @property
    def url(self) -> str:
        """The hub's address, at nginx."""
        return self.nginx.url

    @property
    def members(self) -> list[Member]:
        """Every process, in the order of starting."""
        return [*self.stores, *self.processes]

    def __getitem__(self, name: str) -> Member:
        """A process by name: postgres, redis, swift, web-1, web-2, worker-1, worker-2, beat, nginx."""
        return {member.name: member for member in self.members}[name]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start everything in order; nothing is left behind when one of them fails. Raises ServerFailedError."""
        try:
            self.start_stores()
            self.migrate()
            self.start_hub()
        except BaseException:
            self.stop()
            raise
        return self

    def start_stores(self) -> None:
        """PostgreSQL with an empty database, Redis and Swift with an empty bucket."""
        for store in self.stores:
            self._timed(store.name, store.start)
        self.postgres.database("hub")

    def migrate(self) -> None:
        """Make the tables."""
        self._timed("migrate", lambda: self.manage("migrate", "--verbosity", "0"))

    def start_hub(self) -> None:
        """Web processes, workers and beat side by side, then nginx."""
        began = time.monotonic()
        for process in self.processes:
            process.environment = {**self.settings, **process.environment}
        side_by_side = [process for process in self.processes if process is not self.nginx]
        for process in side_by_side:
            process.launch()
        for process in side_by_side:
            process.wait_until_ready()
            self._say(f"  {process.name:9} ready after {time.monotonic() - began:.1f} s")
        self._timed("nginx", self.nginx.start)

    def stop(self) -> None:
        """End the proxy, then the hub's processes side by side, then the stores; say how each ended."""
        hub = [process for process in self.processes if process is not self.nginx]
        groups: list[Sequence[Member]] = [[self.nginx], hub, [self.swift], [self.redis], [self.postgres]]
        for group in groups:
            with ThreadPoolExecutor(len(group)) as pool:
                for member, how in zip(group, pool.map(lambda member: member.stop(), group), strict=True):
                    if how != "not started":
                        self._say(f"  {member.name:9} {how}")

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py`` against this hub and return what it printed. Raises ServerFailedError."""
        environment = {**self.settings, "HUB_DATA_DIR": str(self.folder / "manage")}
        return run([sys.executable, "manage.py", *arguments], environment=environment)

    def bootstrap(self, username: str = "admin") -> dict[str, Any]:
        """The first administrator: ``{"username", "password", "token"}``."""
        account: dict[str, Any] = json.loads(
            self.manage("bootstrap", "--username", username, "--json").splitlines()[-1]
        )
        return account

    def last_words(self) -> str:
        """Which processes have ended by themselves, with the ends of their logs."""
        ended = [process for process in self.processes if process.has_ended()]
        return "\n".join(process.last_words(f"{process.name} has ended.") for process in ended)

    def _addresses(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url("hub"),
            "HUB_BROKER_URL": self.redis.url(),
            "HUB_STORAGE_URL": self.swift.url(),
            **self.swift.environment,
            "HUB_SECRET_KEY": secrets.token_urlsafe(48),
            "HUB_ALLOWED_HOSTS": "127.0.0.1,localhost",
            "HUB_PROXIES": "1",
            # Loopback has no TLS.
            "HUB_SECURE_COOKIES": "false",
        }

    def _timed(self, name: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        self._say(f"  {name:9} ready after {time.monotonic() - began:.1f} s")


def why_not_here(folder: Path) -> str:
    """Why the topology cannot run with its data in ``folder``, or an empty string; one line for the first reason."""
    from cluster import nginx, postgres, redis

    folder.mkdir(parents=True, exist_ok=True)
    with suppress(StopIteration):
        return next(filter(None, (postgres.why_not(), redis.why_not(), nginx.why_not(), why_not(folder))))
    return ""
