"""What a Celery worker does besides taking messages: warm children, sweep, heartbeat, looking for work, stopping."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from celery import bootsteps, signals

from workers.children import wait_until_warm
from workers.heartbeat import beat, beat_until_stopped, sign_off
from workers.looking import look_until_stopped
from workers.maintenance import maintain_until
from workers.process import WorkerProcess, become, this_worker
from workers.sweep import sweep_until

log = logging.getLogger(__name__)
_STOP_SECONDS = 10
_PATIENCE_SECONDS = 8


class Duties(bootsteps.StartStopStep):
    """Starts after the pool of threads and stops before it, so that the pool's jobs have been given back."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, controller: Any, **options: Any) -> None:
        super().__init__(controller, **options)
        self._threads: list[threading.Thread] = []

    def start(self, controller: Any) -> None:
        """Become a worker of the queues that Celery takes messages from."""
        queues = list(controller.app.amqp.queues.consume_from)
        worker = become(WorkerProcess(queues=queues, slots=controller.concurrency))
        wait_until_warm()
        # Before the first message: a worker whose clock is wrong takes none.
        beat(worker)
        duties: list[tuple[str, Callable[[Any], None], Any]] = [
            ("sweep", sweep_until, worker.stopping),
            ("maintenance", maintain_until, worker.stopping),
            ("heartbeat", beat_until_stopped, worker),
        ]
        duties += [("look", look_until_stopped, worker)] * controller.concurrency
        self._threads = [
            threading.Thread(target=duty, args=(argument,), name=name, daemon=True) for name, duty, argument in duties
        ]
        for thread in self._threads:
            thread.start()
        log.info("worker %s runs jobs of %s", worker.name, ", ".join(queues))

    def stop(self, controller: Any) -> None:
        """Give the running jobs back, and sign off."""
        worker = this_worker()
        worker.stopping.set()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        sign_off(worker)

    def terminate(self, controller: Any) -> None:
        """The same when Celery is in a hurry."""
        self.stop(controller)


@signals.worker_shutting_down.connect(weak=False)
def _stop_at_once(**kwargs: Any) -> None:
    # SIGTERM: the running jobs are given back while Celery still shuts down.
    this_worker().stopping.set()
    timer = threading.Timer(_PATIENCE_SECONDS, _leave)
    timer.daemon = True
    timer.start()


def _leave() -> None:
    """End the process: its jobs were given back long ago, and Celery waits for a broker that does not answer."""
    log.warning("Celery did not stop within %d s; leaving without it", _PATIENCE_SECONDS)
    sign_off(this_worker())
    os._exit(0)
