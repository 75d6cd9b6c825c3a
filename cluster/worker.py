"""The Celery processes of the hub: workers on named queues, and beat."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.process import Server


class Worker(Server):
    """``celery worker`` on ``queues``; two of them never share a host name, so that logs tell them apart."""

    stop_seconds = 40.0
    # It loads torch before it takes a message; on a busy machine that is half a minute.
    start_seconds = 180.0

    def __init__(self, name: str, folder: Path, *, queues: str = "cpu") -> None:
        super().__init__(name, folder)
        self.queues = queues
        self.environment = {"HUB_DATA_DIR": str(folder / "data")}

    def command(self) -> Sequence[str]:
        """``celery -A hub worker``."""
        options = ["--pool", "threads", "--loglevel", "INFO", "--hostname", self.node]
        return [*_celery(), "worker", "-Q", self.queues, *options]

    @property
    def node(self) -> str:
        """Its name among Celery's workers."""
        return f"{self.name}@localhost"

    def is_ready(self) -> bool:
        """Whether it answers over the broker, so that it takes messages too."""
        from celery import Celery
        from redis.exceptions import RedisError

        with Celery(broker=self.environment["HUB_BROKER_URL"], set_as_current=False) as application:
            try:
                return bool(application.control.ping(destination=[self.node], timeout=0.5))
            except (OSError, RedisError):
                return False


class Beat(Server):
    """``celery beat``: what happens on time. There must be one."""

    def __init__(self, folder: Path) -> None:
        super().__init__("beat", folder)
        self.environment = {"HUB_DATA_DIR": str(folder / "data")}

    def command(self) -> Sequence[str]:
        """``celery -A hub beat`` with its schedule in its own folder."""
        return [*_celery(), "beat", "--schedule", str(self.folder / "schedule"), "--loglevel", "INFO"]

    def is_ready(self) -> bool:
        """Whether it has read its schedule, the last line of its greeting."""
        return "maxinterval ->" in self.log()


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "hub"]
