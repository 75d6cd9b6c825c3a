"""Workers and their children die, sleep and repeat themselves: each job still ends once, and right."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median

import pytest
from celery import Celery

from cluster.worker import Worker
from tests.faults.people import People, Pushed
from tests.faults.processes import children_of, holds, scratch_of
from tests.faults.topology import LEASE_SECONDS, Topology, paused, wait_until
from tests.faults.witness import assert_done_once, outcome, wait_until_ended
from tests.servers.proxy import Fault

HUNT_SECONDS = 120


def holder(hub: Topology, job: str) -> Worker | None:
    """The worker that runs the job at this moment."""
    claimed = hub.rows("SELECT claimed_by FROM jobs_job WHERE id = %s AND state = 'running'", job)
    return next((worker for worker in hub.workers if claimed and holds(worker, str(claimed[0][0]))), None)


def wait_for_holder(hub: Topology, job: str) -> Worker:
    """The worker that runs the job, as soon as one does."""
    wait_until(lambda: holder(hub, job) is not None, seconds=60, what=f"nobody claimed job {job}")
    found = holder(hub, job)
    assert found is not None, "the job ended before it could be disturbed"
    return found


@contextmanager
def slow_store(hub: Topology, seconds: float) -> Iterator[None]:
    """Every read of a blob takes so long: workers hold their jobs long enough to be hit."""
    fault = Fault("GET", "/blobs/", delay_seconds=seconds)
    hub.store_proxy.faults.append(fault)
    try:
        yield
    finally:
        hub.store_proxy.faults.remove(fault)


def kill_children(hub: Topology, signals: dict[str, signal.Signals], *, times: int, within: float) -> int:
    """Send each job's signal to its child, ``times`` times, each at a random moment up to ``within`` s after its start.

    Returns how often a child was hit; a job that ended before its moment came is left alone.
    """
    left = dict.fromkeys(signals, times)
    moments: dict[int, float] = {}
    chance = random.Random(7)
    deadline = time.monotonic() + HUNT_SECONDS
    hit = 0
    while any(left.values()) and time.monotonic() < deadline:
        for job in [job for job, more in left.items() if more]:
            worker = holder(hub, job)
            for child in children_of(worker) if worker else ():
                moment = moments.setdefault(child, time.monotonic() + chance.uniform(0, within))
                if time.monotonic() < moment or holder(hub, job) is not worker:
                    continue
                with suppress(ProcessLookupError):
                    os.kill(child, signals[job])
                    hit += 1
                    left[job] -= 1
        ended = hub.rows(
            "SELECT id::text FROM jobs_job WHERE id = ANY(%s::uuid[]) AND finished_at IS NOT NULL", list(signals)
        )
        for row in ended:
            left[row[0]] = 0
    return hit


def assert_no_scratch(hub: Topology) -> None:
    """No temporary file of an attempt is left."""

    def left() -> list[str]:
        found = [path for worker in hub.workers for path in scratch_of(worker).rglob("*")]
        return [str(path) for path in found if path.is_file()]

    wait_until(lambda: not left(), seconds=30, what=lambda: f"temporary files are left: {left()[:5]}")


@pytest.mark.fault("worker child killed")
@pytest.mark.parametrize("kills", [pytest.param(20, marks=pytest.mark.faults_full)])
def test_a_validation_whose_child_is_killed_at_a_random_moment_ends_with_the_same_verdict(
    hub: Topology, people: People, kills: int
) -> None:
    pushes: list[Pushed] = []
    hit = 0
    while hit < kills and len(pushes) < 6 * kills:
        with paused(*hub.workers):
            batch = people.push_many(kills, "killed-child")
        hit += kill_children(hub, {push.job: signal.SIGKILL for push in batch}, times=1, within=0.1)
        pushes += batch
    assert hit >= kills
    wait_until_ended(hub, pushes, seconds=120)
    assert_done_once(hub, pushes, most_attempts=3)
    retried = hub.rows(
        "SELECT count(*) FROM jobs_jobevent WHERE kind = 'attempt_failed' AND note LIKE 'child_died%%' "
        "AND job_id = ANY(%s::uuid[])",
        [push.job for push in pushes],
    )
    assert 1 <= int(retried[0][0]) <= hit
    assert_no_scratch(hub)


@pytest.mark.fault("whole worker killed")
def test_a_killed_workers_job_is_finished_by_the_other_within_the_lease_and_a_minute(
    hub: Topology, people: People
) -> None:
    with slow_store(hub, 0.7):
        push = people.push(people.fresh_name("killed-worker"))
        victim = wait_for_holder(hub, push.job)
        victim.kill()
    waited = wait_until_ended(hub, [push], seconds=LEASE_SECONDS + 60)
    assert waited < LEASE_SECONDS + 60
    assert_done_once(hub, [push])
    assert outcome(hub, push).attempts == 2


@pytest.mark.fault("worker stopped past its lease")
def test_a_worker_that_slept_past_its_lease_wakes_up_and_changes_nothing(hub: Topology, people: People) -> None:
    with slow_store(hub, 0.7):
        push = people.push(people.fresh_name("sleeper"))
        sleeper = wait_for_holder(hub, push.job)
        sleeper.pause()
    try:
        wait_until_ended(hub, [push], seconds=LEASE_SECONDS + 60)
        before = outcome(hub, push)
    finally:
        sleeper.resume()
    refusal = f"job {push.job}: the lease went to another worker"
    wait_until(lambda: refusal in sleeper.log(), seconds=30, what=lambda: sleeper.last_words("nobody was refused"))
    assert outcome(hub, push) == before
    assert_done_once(hub, [push])
    ends = hub.rows("SELECT count(*) FROM jobs_jobevent WHERE job_id = %s AND kind = 'succeeded'", push.job)
    assert ends == [(1,)]


@pytest.mark.faults_full
@pytest.mark.fault("poison upload")
def test_poison_among_good_uploads_becomes_a_dead_letter_and_delays_the_others_little(
    hub: Topology, people: People
) -> None:
    with paused(*hub.workers):
        alone = people.push_many(50, "good-alone")
    wait_until_ended(hub, alone, seconds=300)
    with paused(*hub.workers):
        good = people.push_many(25, "good-before")
        # The kernel's out-of-memory killer sends SIGKILL; a wild pointer gives SIGSEGV.
        poison = [push_poison(people, "SIGKILL"), push_poison(people, "SIGSEGV")]
        good += people.push_many(25, "good-after")
    wait_until_ended(hub, good + poison, seconds=300)
    assert_done_once(hub, good)
    assert_dead(hub, poison, "child_died")
    assert median(waits(hub, good)) < 2 * max(median(waits(hub, alone)), 1.0)


@pytest.mark.faults_full
@pytest.mark.fault("poison upload")
def test_a_validation_that_never_ends_is_stopped_at_its_limit_and_becomes_a_dead_letter(
    hub: Topology, people: People
) -> None:
    endless = push_poison(people, "SIGSTOP")
    good = people.push_many(4, "beside-endless")
    wait_until_ended(hub, good, seconds=60)
    wait_until_ended(hub, [endless], seconds=60)
    assert_done_once(hub, good)
    assert_dead(hub, [endless], "resource_limit", attempts=1)


def push_poison(people: People, signal_name: str) -> Pushed:
    """A push whose inspection gets this signal on every attempt (tests/faults/poison)."""
    files = people.files()
    files["README.md"] += f"\npoison: {signal_name}\n".encode()
    return people.push(people.fresh_name(f"poison-{signal_name.lower()}"), files)


def assert_dead(hub: Topology, pushes: list[Pushed], code: str, *, attempts: int = 3) -> None:
    """A dead letter after as many attempts; the revision is invalid, and its version free again."""
    for push in pushes:
        told = outcome(hub, push)
        assert (told.revision, told.version, told.job, told.attempts) == ("invalid", None, "failed", attempts)
        row = hub.rows("SELECT is_dead_letter, error ->> 'code' FROM jobs_job WHERE id = %s", push.job)
        assert row == [(True, code)]


def waits(hub: Topology, pushes: list[Pushed]) -> list[float]:
    """Seconds from each job's submission to its end."""
    rows = hub.rows(
        "SELECT extract(epoch FROM finished_at - created_at)::float8 FROM jobs_job WHERE id = ANY(%s::uuid[])",
        [push.job for push in pushes],
    )
    return [float(row[0]) for row in rows]


@pytest.mark.fault("duplicate delivery")
def test_messages_that_come_five_times_do_everything_once(hub: Topology, people: People) -> None:
    with Celery(broker=hub.redis.url(), set_as_current=False) as broker:
        pushes = []
        for _ in range(4):
            pushes.append(people.push(people.fresh_name("repeated")))
            for _ in range(5):
                broker.send_task("hub.run_job", args=[pushes[-1].job, "cpu"], queue="cpu")
        wait_until_ended(hub, pushes, seconds=90)
        for push in pushes:
            for _ in range(5):
                broker.send_task("hub.run_job", args=[push.job, "cpu"], queue="cpu")
    with hub.redis.client() as redis:
        wait_until(lambda: redis.llen("cpu") == 0, seconds=30, what="messages are left")
    assert_done_once(hub, pushes, most_attempts=1)
    events = hub.rows(
        "SELECT kind, count(*) FROM jobs_jobevent WHERE job_id = ANY(%s::uuid[]) GROUP BY kind ORDER BY kind",
        [push.job for push in pushes],
    )
    assert events == [("claimed", 4), ("succeeded", 4)]
