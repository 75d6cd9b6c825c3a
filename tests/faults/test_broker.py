"""Redis dies, loses everything, swallows packets: the database is the truth, and no committed job is lost."""

import time
from typing import Any

import pytest

from tests.faults.load import Answer, Load, at_once, get_adapters, quantile, timed
from tests.faults.people import People, announce, finish, send
from tests.faults.topology import Topology, paused, wait_until
from tests.faults.witness import assert_done_once, wait_until_ended
from tests.functional.hub_process import Api

REDIS_LOST_SECONDS = 120
CANARY_SECONDS = 30
PUBLISH_SECONDS = 5.0


@pytest.mark.fault("Redis killed, data lost")
def test_jobs_whose_messages_died_with_redis_are_still_done(hub: Topology, people: People) -> None:
    with paused(*hub.workers):
        before = people.push_many(4, "before-loss")
        with hub.redis.client() as redis:
            assert redis.llen("cpu") > 0, "the messages wait in Redis"
        hub.redis.kill()
        hub.redis.forget()
        assert people.author("GET", "/adapters").status_code == 200, "reading goes on"
        during = [people.push(people.fresh_name("during-loss"))]
        hub.redis.start()
    wait_until_ended(hub, before + during, seconds=REDIS_LOST_SECONDS)
    assert_done_once(hub, before + during, most_attempts=2)


@pytest.mark.faults_full
@pytest.mark.fault("Redis a black hole")
def test_while_redis_swallows_packets_publishing_takes_seconds_and_reading_is_not_held_up(
    hub: Topology, people: People
) -> None:
    api = people.api(people.author, hub.webs[0].url)
    usual = timed(lambda: finish(api, *prepare(people, "fair")))
    fair, _, _ = publish_while_reading(people, api, "fair")
    hub.broker_proxy.weather.is_black_hole = True
    try:
        first = timed(lambda: finish(api, *prepare(people, "black-hole")))
        published, reading, names = publish_while_reading(people, api, "black-hole")
    finally:
        hub.broker_proxy.weather.clear()
    assert (first.status, first.body) == (202, "")
    # What a publish takes in fair weather on this machine is no fault of Redis; so for twelve that share eight threads.
    assert first.seconds <= PUBLISH_SECONDS + usual.seconds
    assert {answer.status for answer in published} == {202}
    assert {answer.status for answer in reading} == {200}
    assert quantile(published, 1.0) <= PUBLISH_SECONDS + quantile(fair, 1.0)
    assert quantile(reading, 0.95) <= PUBLISH_SECONDS
    wait_until(hub.is_idle, seconds=REDIS_LOST_SECONDS, what=lambda: f"jobs are left: {hub.unfinished_jobs()}")
    states = hub.rows(
        "SELECT DISTINCT r.state FROM adapters_revision r JOIN adapters_adapter a ON a.id = r.adapter_id "
        "WHERE 'free/' || a.name = ANY(%s)",
        names,
    )
    assert states == [("published",)]


def prepare(people: People, stem: str, name: str = "") -> tuple[dict[str, Any], dict[str, bytes]]:
    """An upload of which everything has arrived."""
    files = people.files()
    upload = announce(people.author, name or people.fresh_name(stem), files, version="1.0.0").json()
    send(people.author, upload, files)
    return upload, files


def publish_while_reading(people: People, api: Api, stem: str) -> tuple[list[Answer], list[Answer], list[str]]:
    """Twelve publishes at once at one process, and what two readers of the same process are answered meanwhile."""
    names = [people.fresh_name(stem) for _ in range(12)]
    prepared = [prepare(people, stem, name) for name in names]
    with Load(get_adapters(people.api(api, people.url)), threads=2) as reading:
        published = at_once(len(names), lambda number: timed(lambda: finish(api, *prepared[number])))
    return published, reading.answers, names


@pytest.mark.fault("Redis restarted under live workers")
def test_workers_take_messages_again_soon_after_redis_came_back_and_health_told_of_its_absence(
    hub: Topology, people: People
) -> None:
    hub.redis.kill()
    wait_until(
        lambda: all(body.get("broker") == "unreachable" for _, body in hub.state()),
        seconds=15,
        what=lambda: f"nobody noticed: {hub.state()}",
    )
    assert [code for code, _ in hub.state()] == [200, 200], "a hub without its broker still serves"
    hub.redis.start()
    began = time.monotonic()
    wait_until(hub.is_healthy, seconds=15, what=lambda: f"health stays red: {hub.state()}")
    with hub.redis.client() as redis:
        canary = people.push(people.fresh_name("canary"))
        left = CANARY_SECONDS - (time.monotonic() - began)
        wait_until(lambda: redis.llen("cpu") == 0, seconds=left, what="no worker takes messages")
        wait_until_ended(hub, [canary], seconds=left)
    assert_done_once(hub, [canary])


@pytest.mark.fault("Redis restarted under live workers")
def test_connections_to_redis_that_were_reset_are_made_again(hub: Topology, people: People) -> None:
    hub.broker_proxy.cut_all()
    canary = people.push(people.fresh_name("canary"))
    waited = wait_until_ended(hub, [canary], seconds=CANARY_SECONDS)
    assert waited < CANARY_SECONDS
    with hub.redis.client() as redis:
        wait_until(lambda: redis.llen("cpu") == 0, seconds=CANARY_SECONDS, what="no worker takes messages")
    assert_done_once(hub, [canary])
