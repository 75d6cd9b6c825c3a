"""Policies and the publish gate over HTTP: who may, what is answered, and what the audit log keeps."""

import pytest

from catalog.adapters.models import Revision
from catalog.adapters.publication import record_verdict
from catalog.evaluations.models import Evaluation, Policy
from catalog.evaluations.policies import run_policies
from catalog.reviews.models import AuditEvent
from tests.unit.catalog.evaluating import facts_with_head, make_set, measure
from tests.unit.catalog.factories import make_base, make_namespace, make_user, push
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
POLICIES = f"{API}/namespaces/lab/policies"


@pytest.fixture
def people():
    """The people of ``lab``, which has a set, and a stranger."""
    people = {name: make_user(name) for name in ("owner", "reviewer", "writer", "reader", "stranger")}
    roles = {name: people[name] for name in ("reviewer", "writer", "reader")}
    make_namespace(people["owner"], **roles)
    make_set(people["owner"])
    return people


def pending(people) -> Revision:
    """A push of the writer that validation accepted and whose policies ran."""
    inspection = {"verdict": "accepted", "facts": facts_with_head(), "findings": []}
    revision = push(people["writer"], version="1.0.0")
    revision = record_verdict(revision, inspection=inspection, base=make_base(people["owner"]))
    run_policies(revision)
    return revision


def test_an_owner_sets_lists_and_deletes_policies(people):
    owner = client_of(people["owner"])
    body = {"evaluation_set": "lab/mood", "task": "sentiment", "language": "DE", "largest_drop": 0.02}
    made = owner.post(POLICIES, body)
    assert made.status_code == 201, made.content
    assert (made.json()["language"], made.json()["is_gate"], made.json()["most_negative_flips"]) == ("de", True, None)
    assert_error(owner.post(POLICIES, body), 409, "policy_exists")
    listed = client_of(people["reader"]).get(POLICIES).json()
    assert [row["evaluation_set"] for row in listed["results"]] == ["lab/mood"]
    assert owner.delete(f"{POLICIES}/{made.json()['id']}").status_code == 204
    assert_error(owner.delete(f"{POLICIES}/{made.json()['id']}"), 404, "not_found")
    actions = AuditEvent.objects.filter(action__endswith="policy").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["add_policy", "delete_policy"]


@pytest.mark.parametrize("name", ["reviewer", "writer", "reader", "stranger"])
def test_nobody_else_changes_them_and_strangers_do_not_see_them(people, name):
    policy = client_of(people["owner"]).post(POLICIES, {"evaluation_set": "lab/mood"}).json()
    client = client_of(people[name])
    assert_error(client.post(POLICIES, {"evaluation_set": "lab/mood", "task": "x"}), 403, "not_permitted")
    assert_error(client.delete(f"{POLICIES}/{policy['id']}"), 403, "not_permitted")
    assert client.get(POLICIES).status_code == (403 if name == "stranger" else 200)
    assert_error(client_of(None).get(POLICIES), 401, "token_missing")
    assert Policy.objects.count() == 1


def test_bad_policies_are_refused(people):
    owner = client_of(people["owner"])
    make_set(people["stranger"], "stranger/secret", visibility="private")
    refusals = [
        ({"evaluation_set": "lab/absent"}, 404, "set_not_found"),
        ({"evaluation_set": "stranger/secret"}, 404, "set_not_found"),
        ({"evaluation_set": "lab/mood", "language": "klingonish"}, 400, "invalid_language"),
        ({"evaluation_set": "lab/mood", "task": "Two Words"}, 400, "invalid_input"),
        ({"evaluation_set": "lab/mood", "largest_drop": -0.1}, 400, "invalid_input"),
        ({"evaluation_set": "lab/mood", "most_negative_flips": 2}, 400, "invalid_input"),
        ({"evaluation_set": "lab/mood", "drop": 2}, 400, "unknown_field"),
        ({}, 400, "invalid_input"),
    ]
    for body, status, code in refusals:
        assert_error(owner.post(POLICIES, body), status, code)
    assert not Policy.objects.exists()


@pytest.mark.literature("MUSCLE")
def test_the_gate_says_why_and_only_an_owner_passes_it(people):
    client_of(people["owner"]).post(POLICIES, {"evaluation_set": "lab/mood", "largest_drop": 0.0})
    revision = pending(people)
    path = f"{API}/adapters/lab/ner/revisions/{revision.commit_id}/reviews"
    reviewer, owner = client_of(people["reviewer"]), client_of(people["owner"])
    said = assert_error(reviewer.post(path, {"decision": "approve"}), 409, "score_not_measured")
    assert "lab/mood@1" in said["detail"]
    override = {"decision": "approve", "override_gate": True}
    assert_error(reviewer.post(path, {**override, "reason": "please"}), 403, "not_permitted")
    assert_error(owner.post(path, override), 400, "invalid_input")
    answer = owner.post(path, {**override, "reason": "the set is being renewed"})
    assert answer.status_code == 201
    assert answer.json()["revision"]["state"] == "published"
    assert "the set is being renewed" in AuditEvent.objects.get(action="override_gate").note


def test_a_measured_version_passes_by_itself(people):
    client_of(people["owner"]).post(POLICIES, {"evaluation_set": "lab/mood", "largest_drop": 0.0})
    revision = pending(people)
    measure(Evaluation.objects.get(revision=revision), 0.7)
    path = f"{API}/adapters/lab/ner/revisions/{revision.commit_id}/reviews"
    assert client_of(people["reviewer"]).post(path, {"decision": "approve"}).status_code == 201
    assert not AuditEvent.objects.filter(action="override_gate").exists()
