"""A Celery worker in a thread of the web process: the embedded default, where the broker is in memory."""

import logging
import threading
from types import TracebackType

from celery import Celery
from celery.worker import WorkController

from workers.children import warm_up
from workers.sweep import sweep_until

log = logging.getLogger(__name__)
_STOP_SECONDS = 10


class EmbeddedWorker:
    """Runs jobs and the sweep beside the web server, between ``with`` and its end."""

    def __init__(self, application: Celery, *, threads: int) -> None:
        self._controller = WorkController(
            app=application,
            pool_cls="threads",
            concurrency=threads,
            queues="cpu,gpu",
            hostname="embedded@localhost",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._controller.start, name="worker", daemon=True),
            threading.Thread(target=sweep_until, args=(self._stopped,), name="sweep", daemon=True),
        ]

    def __enter__(self) -> "EmbeddedWorker":
        warm_up()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._controller.stop()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
