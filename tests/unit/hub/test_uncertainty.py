"""Uncertainty over HTTP: asked for, refused before a job, recorded, and seen by who may see adapter and set."""

import pytest

from catalog.evaluations.models import Uncertainty
from catalog.evaluations.uncertainty import record_uncertainty, revive_uncertainty
from catalog.jobs.models import Job
from tests.unit.catalog.evaluating import ROWS, classifier, json_lines, make_set
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
PATH = f"{API}/adapters/lab/ner/uncertainty"


@pytest.fixture
def owner():
    """The owner of ``lab``, with the set ``lab/mood``."""
    owner = make_user("owner")
    make_namespace(owner)
    make_set(owner)
    return owner


@pytest.fixture
def revision(owner):
    """A published LoRA with a head of two rows: ``lab/ner``."""
    return classifier(owner, make_base(owner))


def ask(client, on: str = "lab/mood", **settings):
    return client.post(PATH, {"evaluation_set": on, "settings": settings})


FOUND = {
    "sigma": 0.02,
    "before": {"accuracy": 0.9, "ece": 0.2, "nll": 0.6},
    "after": {"accuracy": 0.9, "ece": 0.1, "nll": 0.4},
    "used": {"samples": 10, "tried": [[0.02, 0.0]]},
    "seconds": 3.5,
}


def test_from_a_request_to_a_number(owner, revision):
    client = client_of(owner)
    asked = ask(client, tolerance=0.05, samples=4)
    assert asked.status_code == 202, asked.content
    row = asked.json()
    assert (row["state"], row["sigma"], row["commit_id"]) == ("waiting", None, revision.commit_id)
    assert row["settings"]["anchor_rows"] == 200
    assert (row["settings"]["tolerance"], row["settings"]["measure"], row["settings"]["seed"]) == (0.05, "accuracy", 0)
    job = Job.objects.get(pk=row["job"])
    assert (job.kind, job.queue) == ("bayesianise", "gpu")
    record_uncertainty(job, {"versions": {"torch": "2"}, "result": FOUND})
    shown = client.get(PATH).json()["results"][0]
    assert {name: shown[name] for name in FOUND} == FOUND
    assert (shown["state"], shown["versions"]) == ("measured", {"torch": "2"})


def test_what_the_child_refuses_is_said_and_may_be_tried_again(owner, revision):
    client = client_of(owner)
    job = Job.objects.get(pk=ask(client).json()["job"])
    record_uncertainty(job, {"versions": {}, "error": {"code": "no_tokenizer", "detail": "none", "hint": "add one"}})
    shown = client.get(PATH).json()["results"][0]
    assert (shown["state"], shown["error"]["code"], shown["sigma"]) == ("failed", "no_tokenizer", None)
    revive_uncertainty(job)
    assert Uncertainty.objects.get().state == "waiting"


@pytest.mark.parametrize("is_hidden", [True, False])
def test_what_broke_on_a_hidden_row_does_not_quote_it(owner, revision, is_hidden):
    make_set(owner, "lab/exam", is_hidden=is_hidden)
    asked = ask(client_of(owner), on="lab/exam")
    error = {"code": "rows_malformed", "detail": "row 3 says: the answer is yes", "hint": "x"}
    record_uncertainty(Job.objects.get(pk=asked.json()["job"]), {"versions": {}, "error": error})
    [shown] = client_of(None).get(PATH).json()["results"]
    assert shown["error"]["code"] == "rows_malformed"
    assert ("the answer is yes" in shown["error"]["detail"]) is not is_hidden


def test_a_result_without_a_number_is_no_result(owner, revision):
    job = Job.objects.get(pk=ask(client_of(owner)).json()["job"])
    record_uncertainty(job, {"versions": {}, "result": FOUND | {"sigma": float("nan")}})
    assert Uncertainty.objects.get().error["code"] == "result_missing"


@pytest.mark.parametrize(
    "wanted",
    [
        {"samples": 0},
        {"samples": 65},
        {"samples": True},
        {"tolerance": -0.1},
        {"tolerance": "much"},
        {"measure": "ece"},
        {"anchor_rows": 3},
        {"with_probe": True},
        {"seed": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(owner, revision, wanted):
    answer = ask(client_of(owner), **wanted)
    assert answer.status_code == 400, answer.content
    assert not Job.objects.filter(kind="bayesianise").exists()


def test_a_set_without_rows_to_search_on_is_refused_before_a_job(owner, revision):
    make_set(owner, "lab/test-only", files={"test": json_lines(ROWS)})
    assert_error(ask(client_of(owner), on="lab/test-only"), 422, "anchor_missing")
    assert not Job.objects.filter(kind="bayesianise").exists()


def test_what_is_no_lora_is_refused_before_a_job(owner, revision):
    revision.facts = {**revision.facts, "method": "ia3"}
    revision.save()
    assert_error(ask(client_of(owner)), 422, "not_low_rank")


def test_an_adapter_without_a_head_is_refused_before_a_job(owner, revision):
    revision.facts = {**revision.facts, "heads": []}
    revision.save()
    assert_error(ask(client_of(owner)), 422, "no_head")


def test_a_set_of_text_is_refused(owner, revision):
    files = {"test": b'{"reference": "a", "prompt": "b"}\n', "train": b'{"reference": "a", "prompt": "b"}\n'}
    make_set(owner, "lab/text", files=files, harness="generation", metric="bleu", columns={}, labels=[])
    assert_error(ask(client_of(owner), on="lab/text"), 422, "harness_mismatch")


def test_a_stranger_may_see_it_and_not_ask_for_it(owner, revision):
    ask(client_of(owner))
    stranger = client_of(make_user("stranger"))
    assert_error(ask(stranger), 403, "not_permitted")
    shown = stranger.get(PATH).json()["results"]
    assert [(row["state"], row["job"]) for row in shown] == [("waiting", None)]


def test_on_a_private_set_it_is_seen_by_nobody_else(owner, revision):
    make_set(owner, "lab/secret", visibility="private")
    assert ask(client_of(owner), on="lab/secret").status_code == 202
    stranger = client_of(make_user("stranger"))
    assert stranger.get(PATH).json()["results"] == []
    assert_error(ask(stranger, on="lab/secret"), 404, "set_not_found")


def test_the_rows_of_a_hidden_set_are_searched_by_its_own_people_alone(owner, revision):
    other = make_user("other")
    make_namespace(other, "exam")
    make_set(other, "exam/mood", is_hidden=True)
    assert_error(ask(client_of(owner), on="exam/mood"), 403, "rows_hidden")
    assert ask(client_of(other), on="exam/mood").status_code == 202
