"""Figures that lie in the database: how long queues are, how old their oldest job is, how many uploads are open."""

import logging
import time
from collections.abc import Iterable
from threading import Lock

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric

from catalog.adapters.models import Blob, BlobState
from catalog.jobs.clock import database_now
from catalog.jobs.models import Job, JobState, Worker
from catalog.uploads.models import Upload, UploadState

log = logging.getLogger(__name__)
_CACHE_SECONDS = 5.0
_UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


class DatabaseFigures:
    """A Prometheus collector. Answers are kept for five seconds; while the database is away there are none."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: list[Metric] = []
        self._asked_at = -_CACHE_SECONDS

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every figure, as of now or of a few seconds ago."""
        with self._lock:
            if time.monotonic() - self._asked_at < _CACHE_SECONDS:
                return self._kept
            try:
                self._kept = [*_jobs(), _dead_letters(), _clocks(), _uploads(), _blobs(), _answers(True)]
            except (DatabaseError, InterfaceError) as error:
                log.warning("no figures from the database: %s", type(error).__name__)
                return [_answers(False)]
            self._asked_at = time.monotonic()
            return self._kept


def _jobs() -> list[Metric]:
    depth = GaugeMetricFamily("hub_jobs", "Unfinished jobs", labels=["queue", "state"])
    age = GaugeMetricFamily("hub_job_oldest_seconds", "Age of the oldest unfinished job", labels=["queue", "state"])
    now = database_now()
    rows = Job.objects.filter(state__in=_UNFINISHED).values_list("queue", "state").order_by()
    found = {
        (queue, state): (count, oldest) for queue, state, count, oldest in rows.annotate(Count("id"), Min("created_at"))
    }
    queues = {"cpu", "gpu"} | {queue for queue, _ in found}
    for queue in sorted(queues):
        for state in _UNFINISHED:
            count, oldest = found.get((queue, state), (0, now))
            depth.add_metric([queue, state], count)
            age.add_metric([queue, state], max((now - oldest).total_seconds(), 0))
    return [depth, age]


def _dead_letters() -> Metric:
    count = Job.objects.unattended().count()
    return GaugeMetricFamily("hub_dead_letters", "Jobs that were given up and wait for an administrator", value=count)


def _clocks() -> Metric:
    """Of the workers that are alive: one that fell silent claims nothing either."""
    silent = Worker.objects.silent(database_now(), seconds=settings.HUB_JOB_LEASE_SECONDS)
    off = Worker.objects.exclude(pk__in=silent).values_list("clock_skew_seconds", flat=True)
    most = max((abs(seconds) for seconds in off), default=0.0)
    return GaugeMetricFamily(
        "hub_worker_clock_skew_seconds", "How far the worst worker's clock is off the database's", value=most
    )


def _uploads() -> Metric:
    count = Upload.objects.filter(state__in=(UploadState.OPEN, UploadState.FINISHING)).count()
    return GaugeMetricFamily("hub_uploads_open", "Uploads that are neither committed nor aborted", value=count)


def _blobs() -> Metric:
    """Stored ones are left out: counting millions of rows is no business of a scrape."""
    counts = dict(Blob.objects.exclude(state=BlobState.STORED).values_list("state").order_by().annotate(Count("pk")))
    family = GaugeMetricFamily("hub_blobs", "Files that are not simply stored, by state", labels=["state"])
    for state in BlobState.values:
        if state != BlobState.STORED:
            family.add_metric([state], counts.get(state, 0))
    family.add_metric(["condemned"], Blob.objects.filter(condemned_at__isnull=False).count())
    return family


def _answers(is_up: bool) -> Metric:
    return GaugeMetricFamily("hub_database_up", "Whether the database answered this scrape", value=int(is_up))
