"""A Celery worker in a thread of the web process: the embedded default, where the broker is in memory."""

import threading
from types import TracebackType

from celery import Celery
from celery.worker import WorkController

from workers.process import this_worker

_STOP_SECONDS = 10


class EmbeddedWorker:
    """Runs jobs beside the web server, between ``with`` and its end; ``workers.bootstep`` does the rest."""

    def __init__(self, application: Celery, *, threads: int) -> None:
        self._controller = WorkController(
            app=application,
            pool_cls="threads",
            concurrency=threads,
            hostname="embedded@localhost",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._thread = threading.Thread(target=self._controller.start, name="worker", daemon=True)

    def __enter__(self) -> "EmbeddedWorker":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        this_worker().stopping.set()
        self._controller.stop()
        self._thread.join(_STOP_SECONDS)
