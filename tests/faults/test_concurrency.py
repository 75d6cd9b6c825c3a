"""Many at once: one wins, the others are told so, and the history reads as if all had come one after the other."""

import random
import time
from collections import Counter
from typing import Any

import pytest

from tests.faults.load import Answer, at_once, timed
from tests.faults.people import People, announce, finish, send
from tests.faults.topology import Topology, wait_until
from tests.faults.witness import assert_nothing_half_done, wait_until_ended


@pytest.mark.fault("50 concurrent publishes of one version")
@pytest.mark.parametrize(
    ("namespace", "crowd"),
    [("free", 12), *(pytest.param(name, 50, marks=pytest.mark.faults_full) for name in ("free", "team"))],
)
def test_of_many_publishes_of_one_version_at_once_one_wins_and_no_other_is_visible(
    hub: Topology, people: People, namespace: str, crowd: int
) -> None:
    name = people.fresh_name("crowd", namespace)
    same = people.files()
    prepared = []
    for number in range(crowd):
        files = same if number % 2 else people.files()
        upload = announce(people.author, name, files, version="1.0.0").json()
        send(people.author, upload, files)
        prepared.append((people.api(people.author, hub.webs[number % 2].url), upload, files))

    answers: list[Any] = at_once(crowd, lambda number: finish(*prepared[number]))

    accepted = [answer.json() for answer in answers if answer.status_code in (201, 202)]
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert len(accepted) + len(refused) == crowd, Counter(answer.status_code for answer in answers)
    assert set(refused) <= {"version_exists", "version_reserved"}
    winners = {answer["revision"]["commit_id"] for answer in accepted}
    assert len(winners) == 1, "all that were accepted are told of one revision"
    wait_until(hub.is_idle, seconds=60, what=lambda: f"jobs are left: {hub.unfinished_jobs()}")
    rows = hub.rows(
        "SELECT r.commit_id, v.name FROM adapters_revision r JOIN adapters_adapter a ON a.id = r.adapter_id "
        "LEFT JOIN adapters_version v ON v.revision_id = r.id WHERE a.name = %s",
        name.partition("/")[2],
    )
    assert rows == [(winners.pop(), "1.0.0")], "no revision without a version is left"
    state = people.author("GET", f"/adapters/{name}/revisions/{rows[0][0]}", expect=200)["state"]
    assert state == ("published" if namespace == "free" else "pending")
    assert_nothing_half_done(hub)


@pytest.mark.fault("publish against delete and yank, approve against withdraw")
@pytest.mark.parametrize("rounds", [4, pytest.param(20, marks=pytest.mark.faults_full)])
def test_approving_and_deleting_at_once_never_leaves_anything_published_after_its_withdrawal(
    hub: Topology, people: People, rounds: int
) -> None:
    pushes = people.push_many(rounds, "contested", "team")
    wait_until_ended(hub, pushes, seconds=120)
    reviewers = [people.api(people.reviewer, web.url) for web in hub.webs]
    authors = [people.api(people.author, web.url) for web in hub.webs]
    for number, push in enumerate(pushes):
        reviews = f"/adapters/{push.name}/revisions/{push.commit}/reviews"
        approved, deleted = both(
            lambda path=reviews, n=number: reviewers[n % 2]("POST", path, json={"decision": "approve"}),
            lambda path=push.name, n=number: authors[(n + 1) % 2]("DELETE", f"/adapters/{path}"),
            seed=number,
        )
        assert deleted.status in (200, 204), deleted
        assert approved.status in (201, 404, 409, 410), approved
        rows = hub.rows(
            "SELECT r.state, v.state, a.deleted_at IS NOT NULL FROM adapters_revision r "
            "JOIN adapters_adapter a ON a.id = r.adapter_id LEFT JOIN adapters_version v ON v.revision_id = r.id "
            "WHERE r.commit_id = %s AND a.name = %s",
            push.commit,
            push.name.partition("/")[2],
        )
        ((revision, version, is_deleted),) = rows
        assert (revision, is_deleted) == ("withdrawn", True), (approved.status, rows)
        assert version in (None, "withdrawn", "reserved"), (approved.status, rows)
        assert history(hub, push.name) in (["publish", "delete"], ["delete"]), approved.status
        assert (history(hub, push.name)[0] == "publish") == (approved.status == 201)
        assert people.admin("GET", f"/adapters/{push.name}").status_code in (404, 410)
        listed = people.admin("GET", "/adapters", params={"q": push.name.partition("/")[2]}, expect=200)
        assert push.name not in [entry["name"] for entry in listed["results"]]


@pytest.mark.fault("publish against delete and yank, approve against withdraw")
@pytest.mark.parametrize("rounds", [pytest.param(20, marks=pytest.mark.faults_full)])
def test_publishing_while_the_adapter_is_yanked_or_deleted_has_a_serial_order(
    hub: Topology, people: People, rounds: int
) -> None:
    firsts = people.push_many(rounds, "moving")
    wait_until_ended(hub, firsts, seconds=120)
    authors = [people.api(people.author, web.url) for web in hub.webs]
    for number, first in enumerate(firsts):
        files = people.files()
        upload = announce(people.author, first.name, files, version="1.1.0").json()
        send(people.author, upload, files)
        is_delete = number % 2 == 0

        def take_away(path: str = f"/adapters/{first.name}", is_delete: bool = is_delete) -> Any:
            if is_delete:
                return authors[1]("DELETE", path)
            return authors[1]("POST", f"{path}/versions/1.0.0/yank", json={"reason": "wrong data"})

        published, taken = both(
            lambda upload=upload, files=files: finish(authors[0], upload, files), take_away, seed=number
        )
        assert taken.status in (200, 204), taken
        assert published.status in (202, 409), published
        wait_until(hub.is_idle, seconds=60, what=lambda: f"jobs are left: {hub.unfinished_jobs()}")
        states = dict(versions_of(hub, first.name))
        if is_delete:
            assert "published" not in states.values(), states
            assert people.admin("GET", f"/adapters/{first.name}").status_code in (404, 410)
            assert history(hub, first.name)[-1] == "delete"
        else:
            assert states == {"1.0.0": "yanked", "1.1.0": "published"}
            shown = people.author("GET", f"/adapters/{first.name}", expect=200)
            assert shown["default_version"] == "1.1.0"
    assert_nothing_half_done(hub)


def both(one: Any, other: Any, *, seed: int) -> tuple[Answer, Answer]:
    """The answers to two requests sent at nearly the same moment, one of them up to 60 ms late."""

    chance = random.Random(seed)
    late, seconds = chance.randrange(2), chance.uniform(0, 0.06)

    def ask(number: int) -> Answer:
        if number == late:
            time.sleep(seconds)
        return timed(one if number == 0 else other)

    first, second = at_once(2, ask)
    return first, second


def history(hub: Topology, name: str) -> list[str]:
    """The audit log's words about an adapter, in their order, publications and deletions alone."""
    rows = hub.rows(
        "SELECT action FROM reviews_auditevent WHERE (subject = %s OR subject LIKE %s) "
        "AND action IN ('publish', 'delete') ORDER BY id",
        name,
        f"{name}@%",
    )
    return [str(row[0]) for row in rows]


def versions_of(hub: Topology, name: str) -> list[tuple[str, str]]:
    """Names and states of an adapter's versions."""
    rows = hub.rows(
        "SELECT v.name, v.state FROM adapters_version v JOIN adapters_adapter a ON a.id = v.adapter_id "
        "WHERE a.name = %s ORDER BY v.id",
        name.partition("/")[2],
    )
    return [(str(row[0]), str(row[1])) for row in rows]
