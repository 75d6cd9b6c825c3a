"""Clocks that are an hour off: leases follow the database's, versions their numbers, and tokens stay good."""

from collections.abc import Iterator

import pytest

from tests.faults.clock import need_faketime, set_clock
from tests.faults.people import People, announce, finish, send
from tests.faults.topology import Topology
from tests.faults.witness import assert_done_once, wait_until_ended
from tests.functional.hub_process import Api


@pytest.fixture(scope="module")
def skewed(topology: Topology, people: People) -> Iterator[Topology]:
    """One worker and one web process an hour ahead, the other worker an hour behind.

    The workers are told to work nevertheless, and the store to overlook it: S3 refuses what was signed more than a
    quarter of an hour away from its own time.
    """
    need_faketime()
    topology.calm()
    members = [(topology.workers[0], "+1h"), (topology.workers[1], "-1h"), (topology.webs[1], "+1h")]
    try:
        for member, offset in members:
            set_clock(member, offset, HUB_CLOCK_SKEW_SECONDS="0")
        yield topology
    finally:
        for member, _ in members:
            set_clock(member, "")


@pytest.mark.faults_full
@pytest.mark.fault("clocks an hour off")
def test_workers_whose_clocks_are_two_hours_apart_take_no_job_from_each_other(skewed: Topology, people: People) -> None:
    pushes = people.push_many(12, "skewed")
    wait_until_ended(skewed, pushes, seconds=120)
    assert_done_once(skewed, pushes, most_attempts=1)
    lost = skewed.rows(
        "SELECT count(*) FROM jobs_jobevent WHERE kind = 'lease_lost' AND job_id = ANY(%s::uuid[])",
        [push.job for push in pushes],
    )
    assert lost == [(0,)]
    workers = skewed.rows(
        "SELECT count(DISTINCT who) FROM jobs_jobevent WHERE kind = 'claimed' AND job_id = ANY(%s::uuid[])",
        [push.job for push in pushes],
    )
    assert workers == [(2,)], "both workers did their part"


@pytest.mark.faults_full
@pytest.mark.fault("clocks an hour off")
def test_versions_and_parents_follow_the_order_of_the_pushes_and_not_the_clocks(
    skewed: Topology, people: People
) -> None:
    name = people.fresh_name("ordered")
    ahead, right = people.api(people.author, skewed.webs[1].url), people.author
    pushes = []
    for version, api in (("1.0.0", ahead), ("1.1.0", right), ("1.2.0", right)):
        push = people.push(name, version=version, api=api)
        wait_until_ended(skewed, [push], seconds=60)
        pushes.append(push)
    shown = right("GET", f"/adapters/{name}", expect=200)
    assert shown["default_version"] == "1.2.0"
    assert resolved(ahead, name) == resolved(right, name) == pushes[2].commit
    parents = skewed.rows(
        "SELECT r.commit_id, p.commit_id FROM adapters_revision r JOIN adapters_revision p ON p.id = r.parent_id "
        "WHERE r.commit_id = ANY(%s) ORDER BY r.id",
        [push.commit for push in pushes],
    )
    assert parents == [(pushes[1].commit, pushes[0].commit), (pushes[2].commit, pushes[1].commit)]


@pytest.mark.faults_full
@pytest.mark.fault("clocks an hour off")
def test_a_token_and_an_upload_are_good_at_both_processes_whoever_made_them(skewed: Topology, people: People) -> None:
    ahead, right = people.api(people.author, skewed.webs[1].url), people.author
    for maker, user in ((ahead, right), (right, ahead)):
        made = maker("POST", "/tokens", json={"name": "short", "scopes": ["read", "write"], "expires_in_days": 1})
        token = made.json()["token"]
        files, name = people.files(), people.fresh_name("two-clocks")
        upload = announce(
            Api(str(maker.client.base_url.copy_with(path="")), token), name, files, version="1.0.0"
        ).json()
        other = Api(str(user.client.base_url.copy_with(path="")), token)
        send(other, upload, files)
        assert finish(other, upload, files).status_code == 202


def resolved(api: Api, name: str) -> str:
    """The commit that people get who name no version."""
    commit: str = api("POST", "/resolve", json={"adapter": name}, expect=200)["commit_id"]
    return commit
