"""PostgreSQL restarts, is full or is gone: callers hear 503 and when to come again, and nothing is half done."""

import threading
import time

import httpx
import psycopg
import pytest

from tests.faults.load import Load, get_adapters
from tests.faults.people import People, Pushed, announce, finish, send
from tests.faults.topology import Topology, wait_until
from tests.faults.witness import assert_done_once, assert_nothing_half_done, wait_until_ended

OUTAGE_SECONDS = 10
FINE = {200, 201, 202}


@pytest.mark.faults_full
@pytest.mark.fault("database restarted")
def test_while_the_database_restarts_callers_hear_503_and_soon_after_all_is_well(hub: Topology, people: People) -> None:
    urls = [web.url for web in hub.webs]
    readers = [people.api(people.author, url) for url in urls]

    def push(number: int) -> httpx.Response:
        return people.try_push(people.fresh_name("in-the-storm"), api=readers[number % 2])

    with (
        Load(lambda number: get_adapters(readers[number % 2])(number), threads=2) as reading,
        Load(push, threads=2, pause_seconds=0.2) as pushing,
    ):
        time.sleep(2)
        hub.postgres.stop("immediate")
        time.sleep(3)
        hub.postgres.start()
        back = time.monotonic()
        time.sleep(OUTAGE_SECONDS + 4)
    both = reading.answers + pushing.answers
    odd = [answer for answer in both if answer.status not in FINE | {503}]
    assert not odd, odd[:3]
    away = [answer for answer in both if answer.status == 503]
    assert away
    assert all(answer.retry_after for answer in away)
    later = reading.since(back + OUTAGE_SECONDS) + pushing.since(back + OUTAGE_SECONDS)
    assert later
    assert {answer.status for answer in later} <= FINE, later
    wait_until(hub.is_idle, seconds=90, what=lambda: f"jobs are left: {hub.unfinished_jobs()}")
    assert_nothing_half_done(hub)


@pytest.mark.faults_full
@pytest.mark.fault("database connections exhausted")
def test_when_all_connections_are_taken_callers_hear_503_and_health_says_so(hub: Topology, people: People) -> None:
    taken: list[psycopg.Connection[tuple[object, ...]]] = []
    stopped = threading.Event()

    def grab() -> None:
        while not stopped.is_set():
            try:
                taken.append(psycopg.connect(hub.postgres.url().replace("postgres:", "postgresql:"), connect_timeout=5))
            except psycopg.OperationalError:
                time.sleep(0.02)

    greed = threading.Thread(target=grab)
    greed.start()
    try:
        hub.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'adapter-hub'")
        wait_until(
            lambda: all(code == 503 and body["database"] == "unreachable" for code, body in hub.state()),
            seconds=30,
            what=lambda: f"health says nothing: {hub.state()}",
        )
        with Load(get_adapters(people.api(people.author, hub.webs[0].url)), threads=4) as reading:
            time.sleep(8)
    finally:
        stopped.set()
        greed.join()
        for connection in taken:
            connection.close()
    assert set(reading.statuses) == {503}, reading.answers[:3]
    assert all(answer.retry_after for answer in reading.answers)
    wait_until(hub.is_healthy, seconds=OUTAGE_SECONDS, what=lambda: f"not well again: {hub.state()}")
    assert people.author("GET", "/adapters").status_code == 200


@pytest.mark.fault("commit, then crash before the send")
def test_a_job_whose_web_process_died_between_commit_and_send_runs_anyhow(hub: Topology, people: People) -> None:
    web = hub.webs[1]
    api = people.api(people.author, web.url)
    files, name = people.files(), people.fresh_name("never-sent")
    upload = announce(api, name, files, version="1.0.0").json()
    send(api, upload, files)
    for worker in hub.workers:
        worker.pause()
    # The send hangs in the black hole, so that the process is killed after its commit and before its message.
    hub.broker_proxy.weather.is_black_hole = True
    thread = threading.Thread(target=lambda: _swallow(lambda: finish(api, upload, files)))
    thread.start()
    query = "SELECT id::text, sent_at FROM jobs_job WHERE subject_name LIKE %s"
    wait_until(lambda: bool(hub.rows(query, f"{name}%")), seconds=30, what="the job was never committed")
    web.kill()
    thread.join(60)
    ((job, sent_at),) = hub.rows(query, f"{name}%")
    assert sent_at is None
    hub.clear_the_weather()
    for worker in hub.workers:
        worker.resume()
    web.start()
    # Whoever was cut off asks again, and is told of the same revision.
    again = finish(api, upload, files)
    assert again.status_code == 202, again.text
    commit = again.json()["revision"]["commit_id"]
    push = Pushed(name, "1.0.0", commit, job, files)
    waited = wait_until_ended(hub, [push], seconds=120)
    assert waited < 120
    assert_done_once(hub, [push])


def _swallow(ask: object) -> None:
    """The caller whose server dies hears nothing."""
    assert callable(ask)
    try:
        ask()
    except httpx.TransportError:
        pass
