"""Children killed, workers stopped past their lease, messages never sent: each job still ends once, and right."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone

from catalog.adapters.models import Revision
from catalog.jobs.models import Job, JobState
from catalog.jobs.services import claim, complete
from tests.unit.catalog import sending
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user, push
from workers.kinds import HANDLERS
from workers.supervisor import supervise
from workers.sweep import sweep_once

pytest.importorskip("torch", reason="the forkserver preloads torch")
pytestmark = pytest.mark.django_db(transaction=True)
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def revision() -> Revision:
    """A pushed revision that waits for its verdict."""
    owner = make_user("owner")
    make_namespace(owner)
    make_base(owner)
    return push(owner, lora_files(), version="1.0.0")


@pytest.fixture
def slow(monkeypatch):
    """Every validation takes three seconds, and says its process id at the start."""
    monkeypatch.setattr(
        HANDLERS["validate_revision"], "function", "tests.unit.workers.child_functions:inspect_slowly", raising=False
    )


@pytest.fixture
def verdicts(monkeypatch) -> list[str]:
    """Each verdict that was written and kept or not."""
    written: list[str] = []
    handler = HANDLERS["validate_revision"]
    apply = handler.apply

    def listen(job, outcome):
        written.append(outcome["verdict"])
        return apply(job, outcome)

    monkeypatch.setattr(handler, "apply", listen)
    return written


def job_of(revision: Revision) -> Job:
    assert revision.validation_job_id
    return Job.objects.get(pk=revision.validation_job_id)


def in_thread(job_id: str) -> threading.Thread:
    """A worker in a thread of its own."""

    def work():
        try:
            supervise(job_id)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_for_child(revision: Revision) -> int:
    """The process id that the child reported."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        note = job_of(revision).progress_note
        if note.isdigit():
            return int(note)
        time.sleep(0.02)
    raise AssertionError(f"the child never reported: {Job.objects.values()}")


def test_a_child_killed_in_the_middle_is_tried_again_and_gives_one_verdict(revision, slow, verdicts):
    job = job_of(revision)
    worker = in_thread(str(job.pk))
    os.kill(wait_for_child(revision), signal.SIGKILL)
    worker.join(30)
    job.refresh_from_db()
    assert (job.state, job.error["code"], verdicts) == (JobState.QUEUED, "child_died", [])
    Job.objects.update(available_at=timezone.now())
    supervise(str(job.pk))
    job.refresh_from_db()
    revision.refresh_from_db()
    assert (job.state, job.attempts, job.error) == (JobState.SUCCEEDED, 2, None)
    assert (revision.state, verdicts) == ("pending", ["accepted"])


def test_a_child_that_dies_every_time_ends_the_job_and_says_so(revision, monkeypatch, settings):
    settings.HUB_JOB_MAX_ATTEMPTS = 2
    monkeypatch.setattr(
        HANDLERS["validate_revision"], "function", "tests.unit.workers.child_functions:kill_self", raising=False
    )
    for _ in range(3):
        Job.objects.update(available_at=timezone.now())
        supervise(str(revision.validation_job_id))
    job = job_of(revision)
    revision.refresh_from_db()
    assert (job.state, job.attempts, revision.state) == (JobState.FAILED, 2, "invalid")
    assert revision.report["findings"][0]["code"] == "child_died"
    assert not revision.adapter.versions.exists()


def test_a_worker_that_slept_past_its_lease_writes_nothing(revision, slow, verdicts):
    job = job_of(revision)
    worker = in_thread(str(job.pk))
    wait_for_child(revision)
    # Another worker finds the lease run out, and finishes first.
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep_once()
    second = claim()
    assert second is not None
    complete(second, lambda: {"by": "the second worker"})
    worker.join(30)
    job.refresh_from_db()
    revision.refresh_from_db()
    assert (job.result, job.fencing_token) == ({"by": "the second worker"}, 2)
    assert (revision.state, revision.report, verdicts) == ("validating", {}, [])


def test_a_cancelled_job_stops_its_child(revision, slow, settings):
    settings.HUB_JOB_LEASE_SECONDS = 1
    worker = in_thread(str(revision.validation_job_id))
    child = wait_for_child(revision)
    Job.objects.update(is_cancel_requested=True)
    worker.join(10)
    assert not Path(f"/proc/{child}").exists()
    assert job_of(revision).state == JobState.CANCELLED
    revision.refresh_from_db()
    assert (revision.state, revision.report["findings"][0]["code"]) == ("invalid", "cancelled")


def test_a_process_killed_between_commit_and_send_loses_no_job(sent, tmp_path):
    """A real process makes the row and is killed by SIGKILL at the moment of sending."""
    script = """
import os, signal, sys, json
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.db import connection
from catalog.jobs import services, submitting
connection.settings_dict["NAME"] = sys.argv[1]
submitting.send = lambda job_id, queue: os.kill(os.getpid(), signal.SIGKILL)
services.submit("describe_base", {"base_id": 0})
"""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.settings", "HUB_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-c", script, str(connection.settings_dict["NAME"])],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    job = Job.objects.get()
    assert (job.state, job.sent_at, sent) == (JobState.QUEUED, None, [])
    assert sweep_once() == 1
    assert sent == [str(job.pk)]


def test_a_worker_process_killed_with_its_lease_is_replaced(revision, verdicts):
    job = job_of(revision)
    assert claim() is not None
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sending.sent_ids.clear()
    assert sweep_once() == 1
    for _ in range(5):
        supervise(sending.sent_ids[0])
    job.refresh_from_db()
    revision.refresh_from_db()
    assert (job.state, job.attempts, revision.state, verdicts) == (JobState.SUCCEEDED, 2, "pending", ["accepted"])
    assert json.dumps(job.result)
