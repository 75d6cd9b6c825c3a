"""The figures of ``/metrics``: what this hub counts, under which names. docs/OPERATIONS.md says what to alert on.

Where several web processes share a machine, PROMETHEUS_MULTIPROC_DIR lets each show the sum of all.
"""

import os
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector

from catalog.observing import connect
from hub.figures import DatabaseFigures

disable_created_metrics()
_REGISTRY = CollectorRegistry()
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_JOB_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)

REQUESTS = Histogram(
    "hub_request_seconds",
    "Time until a request was answered (until the first byte, for downloads)",
    ["route", "method", "status"],
    buckets=_SECONDS,
    registry=_REGISTRY,
)
JOB_SECONDS = Histogram(
    "hub_job_seconds", "Time from claim to end of an attempt", ["kind"], buckets=_JOB_SECONDS, registry=_REGISTRY
)
JOB_EVENTS = Counter(
    "hub_job_events_total", "What happened to jobs: claimed, succeeded, failed ...", ["event"], registry=_REGISTRY
)
LEASES_LOST = Counter(
    "hub_job_leases_lost_total", "Attempts whose worker was gone before the job ended", registry=_REGISTRY
)
JOBS_SENT = Counter("hub_sweep_sent_total", "Waiting jobs that a sweep had to send again", registry=_REGISTRY)
STORAGE_ERRORS = Counter(
    "hub_storage_errors_total", "What the store refused or failed to do", ["operation", "code"], registry=_REGISTRY
)
DATABASE_ERRORS = Counter(
    "hub_database_errors_total", "Requests answered 503 because the database was away", registry=_REGISTRY
)
DOWNLOADS = Counter("hub_downloads_total", "Downloads of adapters' weights", registry=_REGISTRY)
VERSION = Gauge(
    "hub_info", "The hub's version, always 1", ["version"], registry=_REGISTRY, multiprocess_mode="mostrecent"
)


def begin(version: str) -> None:
    """Connect the figures to what the catalog, the workers and the hub observe."""
    VERSION.labels(version).set(1)
    connect(record)


def record(event: str, amount: float, labels: dict[str, str]) -> None:
    """The observer: one event into its figure. Events that nobody counts pass."""
    if event == "request":
        REQUESTS.labels(**labels).observe(amount)
    elif event == "job_event":
        JOB_EVENTS.labels(**labels).inc(amount)
        if labels["event"] == "lease_lost":
            LEASES_LOST.inc(amount)
    elif event == "job_seconds":
        JOB_SECONDS.labels(**labels).observe(amount)
    elif event == "storage_error":
        STORAGE_ERRORS.labels(**labels).inc(amount)
    elif counter := _PLAIN.get(event):
        counter.inc(amount)


_PLAIN = {"sweep_sent": JOBS_SENT, "database_error": DATABASE_ERRORS, "download": DOWNLOADS}


def exposition() -> bytes:
    """Every figure in Prometheus's text form; those of the database are asked for now."""
    return generate_latest(_counted_here()) + generate_latest(_FROM_DATABASE)


def serve_figures(port: int, address: str = "127.0.0.1") -> Any:
    """Show what this process counts on a port of its own: for workers, which serve no HTTP."""
    return start_http_server(port, addr=address, registry=_counted_here())


def _counted_here() -> CollectorRegistry:
    """This process's registry, or the sum of all processes of this machine."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return _REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)
    return together


_FROM_DATABASE = CollectorRegistry()
_FROM_DATABASE.register(DatabaseFigures())
