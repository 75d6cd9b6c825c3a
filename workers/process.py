"""This process as a worker: its name, its queues, the room it has, and whether it was told to stop."""

import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class WorkerStops(Exception):
    """The process was told to stop, or its clock is wrong: the running job goes back to its queue."""


class WorkerProcess:
    """Known to the threads that run jobs, whether a message or a look for work started them."""

    def __init__(self, *, queues: Sequence[str] = (), slots: int = 64) -> None:
        self.host, self.pid = socket.gethostname(), os.getpid()
        self.name = f"{self.host}-{self.pid}-{secrets.token_hex(2)}"
        self.queues = tuple(queues)
        self.stopping = threading.Event()
        self.clock_problem = ""
        self._free = threading.Semaphore(slots)

    @property
    def is_stopping(self) -> bool:
        """Whether it claims no more jobs and gives the running ones back."""
        return self.stopping.is_set()

    @property
    def why_idle(self) -> str:
        """Why it claims nothing now and gives its jobs back; empty while it works."""
        return "the worker was told to stop" if self.is_stopping else self.clock_problem

    @property
    def has_room(self) -> bool:
        """Whether one job more may run now."""
        if self._free.acquire(blocking=False):
            self._free.release()
            return True
        return False

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Room for one job; waits for it."""
        with self._free:
            yield


_this = WorkerProcess()


def this_worker() -> WorkerProcess:
    """The worker that this process is; before :func:`become`, one that no queue knows."""
    return _this


def become(worker: WorkerProcess) -> WorkerProcess:
    """Make ``worker`` the one that this process is."""
    global _this
    _this = worker
    return worker
