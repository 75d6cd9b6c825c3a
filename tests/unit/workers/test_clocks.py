"""A worker whose clock is wrong claims nothing, says so, costs no job an attempt, and goes on when it is right."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog.jobs.heartbeats import worker_lines
from catalog.jobs.models import EventKind, Job, JobEvent, JobState
from catalog.jobs.services import submit
from catalog.uploads.receiving import RECEIVE_UPLOAD
from hub.figures import DatabaseFigures
from storage import StorageError
from workers.heartbeat import beat
from workers.kinds import HANDLERS
from workers.looking import look
from workers.process import WorkerProcess, become, this_worker
from workers.supervisor import supervise

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3600.0


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    before = this_worker()
    yield become(WorkerProcess(queues=["cpu"]))
    become(before)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch, worker: WorkerProcess) -> Any:
    """Set this machine's clock so many seconds off the database's, and let the worker notice."""

    def off(seconds: float) -> None:
        monkeypatch.setattr("catalog.jobs.clock.database_now", lambda: timezone.now() - timedelta(seconds=seconds))
        beat(worker)

    return off


class Busy:
    """A kind of job that moves bytes; what happens meanwhile is injected."""

    function = ""
    uses_device = False

    def __init__(self, meanwhile: Any) -> None:
        self.meanwhile = meanwhile

    @contextmanager
    def prepare(self, job: Job, beat: Any) -> Iterator[dict[str, Any]]:
        self.meanwhile()
        beat(0.5, "half")
        yield {}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        return {}

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        raise AssertionError("the job is no worse for it")

    def revive(self, job: Job) -> None:
        """Nothing."""


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What happens while a job runs."""
    return lambda meanwhile: monkeypatch.setitem(HANDLERS, "busy", Busy(meanwhile))


def figure(name: str) -> float:
    """One figure of /metrics."""
    (found,) = [metric for metric in DatabaseFigures().collect() if metric.name == name]
    return float(found.samples[0].value)


def the_job() -> Job:
    return Job.objects.get()


@pytest.mark.parametrize("seconds", [HOUR, -HOUR, 301])
def test_it_claims_nothing_until_its_clock_is_right(worker, set_clock, during, seconds: float) -> None:
    during(lambda: None)
    submit("busy", {})
    set_clock(seconds)
    assert not supervise()
    assert look(worker) == 0
    assert (the_job().state, the_job().attempts) == (JobState.QUEUED, 0)
    set_clock(299)
    assert look(worker) == 1
    assert the_job().state == JobState.SUCCEEDED


def test_it_says_so_in_the_log_in_the_table_and_in_the_figures(set_clock, settings, caplog) -> None:
    set_clock(0)
    assert figure("hub_worker_clock_skew_seconds") < 1
    with caplog.at_level(logging.WARNING):
        set_clock(-HOUR)
        set_clock(0)
    said = [record.getMessage() for record in caplog.records if record.name == "workers.heartbeat"]
    assert "3600 s behind the database's" in said[0]
    assert said[1] == "the clock is right again; jobs are claimed"
    set_clock(HOUR)
    (line,) = worker_lines()
    assert (line.is_clock_wrong, round(line.worker.clock_skew_seconds)) == (True, 3600)
    assert round(figure("hub_worker_clock_skew_seconds")) == 3600
    settings.HUB_CLOCK_SKEW_SECONDS = 0
    set_clock(HOUR)
    assert not worker_lines()[0].is_clock_wrong


def test_a_clock_that_jumps_while_a_job_runs_sends_the_job_to_another_worker(set_clock, during) -> None:
    during(lambda: set_clock(HOUR))
    submit("busy", {})
    assert supervise()
    assert (the_job().state, the_job().attempts) == (JobState.QUEUED, 0)
    event = JobEvent.objects.get(kind=EventKind.GIVEN_BACK)
    assert "3600 s ahead of the database's" in event.note


def test_a_store_that_refuses_the_clock_costs_no_attempt_and_is_asked_again_after_a_pause(during, worker) -> None:
    def refused() -> None:
        raise StorageError("storage_clock_skew", "put_object: the store's clock and this machine's are 3600 s apart")

    during(refused)
    job = submit("busy", {})
    for _ in range(5):
        Job.objects.update(available_at=timezone.now())
        assert supervise()
        assert the_job().available_at > timezone.now() + timedelta(seconds=20)
    assert (the_job().state, the_job().attempts, the_job().error) == (JobState.QUEUED, 0, None)
    assert not supervise(str(job.pk)), "not at once"
    during(lambda: None)
    Job.objects.update(available_at=timezone.now())
    assert supervise()
    assert the_job().state == JobState.SUCCEEDED


def test_an_upload_that_is_being_hashed_waits_for_the_clock_and_is_not_opened_again(worker, monkeypatch) -> None:
    def refused(*given: Any) -> None:
        raise StorageError("storage_clock_skew", "list_parts: the store's clock and this machine's are 3600 s apart")

    monkeypatch.setattr("workers.receiving.size_bytes_of", lambda job: 1)
    monkeypatch.setattr("workers.receiving.receive", refused)
    monkeypatch.setattr("workers.receiving.reopen", lambda job: 1 / 0)
    submit(RECEIVE_UPLOAD, {})
    assert supervise()
    assert (the_job().state, the_job().attempts, the_job().error) == (JobState.QUEUED, 0, None)
