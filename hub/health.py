"""Is the process alive, and can it do its work?"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from django.conf import settings
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from catalog.jobs.clock import clock_skew_seconds, is_skewed
from catalog.store import blob_store
from hub import __version__

PROBE_SECONDS = 2.0
_CACHE_SECONDS = 2.0


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok", "version": __version__})


def readyz(request: HttpRequest) -> HttpResponse:
    """Whether database, store and broker answer, and this machine's clock agrees with the database's.

    503 without the database or the store, and with a wrong clock: the store would refuse every URL signed here.
    Without the broker 200 and ``degraded``: what is written waits for the sweep. Answers are kept for two seconds, so
    that asking often costs nothing.
    """
    found = _probes.results()
    if found["database"] != "ok" or found["store"] != "ok" or found["clock"] != "ok":
        return JsonResponse({"status": "unavailable", **found}, status=503)
    status = "ok" if found["broker"] == "ok" else "degraded"
    return JsonResponse({"status": status, **found})


def ask_database() -> None:
    """Raises whatever the database raises."""
    close_old_connections()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


class ClockIsWrong(Exception):
    """This machine's clock is too far from the database's."""


def ask_clock() -> None:
    """Raises ClockIsWrong, or whatever the database raises."""
    close_old_connections()
    try:
        if is_skewed(clock_skew_seconds()):
            raise ClockIsWrong
    finally:
        connection.close()


def ask_store() -> None:
    """Raises StorageError, or whatever the store raises."""
    blob_store().probe()


def ask_broker() -> None:
    """Raises RedisError; a broker in this process's memory always answers."""
    if settings.HUB_BROKER_URL.startswith("memory:"):
        return
    from redis import Redis

    with Redis.from_url(settings.HUB_BROKER_URL, socket_connect_timeout=1, socket_timeout=1) as client:
        client.ping()


class _Probes:
    """Asks all at once, each for two seconds at most, and one question at a time to each.

    A service that swallows packets keeps its thread until the driver gives up: the next caller does not start another
    one, so that an outage cannot fill the process with threads.
    """

    def __init__(self, asked: dict[str, Callable[[], None]]) -> None:
        self._asked = asked
        self._threads: ThreadPoolExecutor | None = None
        self._running: dict[str, Future[None]] = {}
        self._lock = Lock()
        self._results: dict[str, str] = {}
        self._asked_at = -_CACHE_SECONDS

    def results(self) -> dict[str, str]:
        """``ok``, ``unreachable`` or ``wrong`` for each; never why, as anybody may ask."""
        with self._lock:
            if time.monotonic() - self._asked_at >= _CACHE_SECONDS:
                self._results = self._ask_all()
                self._asked_at = time.monotonic()
            return self._results

    def _ask_all(self) -> dict[str, str]:
        # Made on first use: a process that forks afterwards would inherit no threads.
        self._threads = self._threads or ThreadPoolExecutor(len(self._asked), thread_name_prefix="probe")
        for name, ask in self._asked.items():
            if name not in self._running or self._running[name].done():
                self._running[name] = self._threads.submit(ask)
        deadline = time.monotonic() + PROBE_SECONDS
        return {name: _outcome(self._running[name], deadline - time.monotonic()) for name in self._asked}


def _outcome(future: Future[None], seconds: float) -> str:
    try:
        future.result(max(seconds, 0))
    except ClockIsWrong:
        return "wrong"
    except Exception:
        return "unreachable"
    return "ok"


_probes = _Probes({"database": ask_database, "store": ask_store, "broker": ask_broker, "clock": ask_clock})
