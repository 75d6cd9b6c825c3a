"""gunicorn for the hub's web processes: threads, timeouts, and prometheus-client's files of each process."""

import os
from pathlib import Path
from typing import Any

wsgi_app = "hub.wsgi:application"
bind = os.environ.get("HUB_WEB_BIND", "127.0.0.1:8000")
# Views wait for the database and the store, so threads; the interpreter's lock asks for a second process on two cores.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("HUB_WEB_THREADS", "8"))
# Longer than the proxy keeps an idle connection: a connection is never closed here while a request is on its way.
keepalive = 75
# A process whose main thread is silent for so long is replaced; its threads may take longer over one answer.
timeout = 60
# After SIGTERM running requests get so long. SIGKILL must come later: see stop_grace_period, TimeoutStopSec.
graceful_timeout = 30
# The heartbeat file: in memory where there is such a folder, since a full disk must not stop a healthy process.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
accesslog = None
errorlog = "-"
loglevel = "info"

_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


def on_starting(server: Any) -> None:
    """Begin with an empty folder of figures: what an earlier run left there belongs to processes that are gone."""
    if folder := os.environ.get(_FIGURES):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path in Path(folder).glob("*.db"):
            path.unlink(missing_ok=True)


def child_exit(server: Any, worker: Any) -> None:
    """Take the gauges of an ended process out of the sums."""
    if os.environ.get(_FIGURES):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
