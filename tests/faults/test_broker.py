"""Redis dies, loses everything, swallows packets: the database is the truth, and no committed job is lost."""

import time

import pytest

from tests.faults.load import Load, at_once, get_adapters, quantile, timed
from tests.faults.people import People, announce, finish, send
from tests.faults.topology import Topology, paused, wait_until
from tests.faults.witness import assert_done_once, wait_until_ended

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


@pytest.mark.fault("Redis a black hole")
def test_while_redis_swallows_packets_publishing_takes_seconds_and_reading_is_not_held_up(
    hub: Topology, people: People
) -> None:
    prepared = []
    for _ in range(16):
        files, name = people.files(), people.fresh_name("black-hole")
        upload = announce(people.author, name, files, version="1.0.0").json()
        send(people.author, upload, files)
        prepared.append((upload, files))
    api = people.api(people.author, hub.webs[0].url)
    hub.broker_proxy.weather.is_black_hole = True
    try:
        first = timed(lambda: finish(api, *prepared[0]))
        assert (first.status, first.body) == (202, "")
        assert first.seconds <= PUBLISH_SECONDS
        with Load(get_adapters(people.api(people.author, hub.webs[0].url)), threads=2) as reading:
            began = time.monotonic()
            published = at_once(15, lambda number: timed(lambda: finish(api, *prepared[number + 1])))
            time.sleep(max(0, 5 - (time.monotonic() - began)))
        assert {answer.status for answer in published} == {202}
        # Eight threads of one process serve fifteen publishes and the readers at the same time.
        assert quantile(published, 0.5) <= PUBLISH_SECONDS
        assert set(reading.statuses) == {200}
        assert quantile(reading.answers, 0.95) <= PUBLISH_SECONDS
    finally:
        hub.broker_proxy.weather.clear()
    wait_until(hub.is_idle, seconds=REDIS_LOST_SECONDS, what=lambda: f"jobs are left: {hub.unfinished_jobs()}")
    states = hub.rows(
        "SELECT r.state, count(*) FROM adapters_revision r JOIN adapters_adapter a ON a.id = r.adapter_id "
        "WHERE a.name LIKE 'black-hole-%%' GROUP BY 1"
    )
    assert states == [("published", 16)]


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
        redis.lpush("canary", "1")
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
