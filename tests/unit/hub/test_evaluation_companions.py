"""Companions over HTTP: asked for, refused before a job, on no board, and seen by who sees both adapters."""

import pytest

from catalog.adapters.publication import publish_revision
from catalog.adapters.services import update_adapter
from catalog.evaluations.boards import leaders
from catalog.evaluations.models import Evaluation
from catalog.evaluations.queries import inputs_of
from catalog.evaluations.standing import together_of
from catalog.jobs.models import Job
from tests.unit.catalog.evaluating import classifier, make_set, measure
from tests.unit.catalog.factories import accept, lora_files, make_base, make_namespace, make_user, push
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    """The owner of ``lab``."""
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


def ask(client, adapter: str, **body):
    return client.post(f"{API}/evaluations", {"adapters": [adapter], "evaluation_set": "lab/mood", **body})


def lora(owner, base, name: str, *, facts: dict | None = None, **options):
    """A published LoRA without a head."""
    made = accept(push(owner, lora_files(seed=9), name, version="1.0.0", **options), base)
    made.facts = {"method": "lora", "rank": 4, **(facts or {})}
    made.save()
    return publish_revision(made, actor=owner) if made.state == "pending" else made


def test_a_companion_is_measured_beside_an_adapter_and_is_on_no_board(owner, base):
    client = client_of(owner)
    on = make_set(owner)
    task = classifier(owner, base, version="1.0.0")
    lora(owner, base, "lab/german")
    body = {"adapters": ["lab/ner"], "companion": "lab/german@1.0.0", "evaluation_set": "lab/mood"}
    asked = client.post(f"{API}/evaluations", body)
    assert asked.status_code == 202, asked.content
    joint = asked.json()["evaluations"][0]
    assert (joint["adapter"], joint["companion"]) == ("lab/ner", "lab/german@1.0.0")
    assert client.post(f"{API}/evaluations", body).json()["evaluations"][0]["id"] == joint["id"]
    [with_it, of_base] = inputs_of(Job.objects.get(pk=asked.json()["jobs"][0]["id"])).subjects
    assert (sorted(with_it.companion), of_base.companion) == (sorted(lora_files()), None)
    measure(Evaluation.objects.get(pk=joint["id"]), 0.9, [1, 1, 1, 1, 1, 0])
    assert leaders(owner, on).rows == []
    assert_error(client.get(f"{API}/compare?a=lab/ner&b=lab/ner&set=lab/mood"), 409, "score_not_measured")
    alone = ask(client, "lab/ner").json()["evaluations"][0]
    assert alone["companion"] is None
    measure(Evaluation.objects.get(pk=alone["id"]), 0.5)
    [line] = together_of(owner, task)
    gain = line.comparison.flips.difference.value
    assert (line.joint.score, line.alone.score, gain) == (0.9, 0.5, pytest.approx(1 / 3))
    found = client.get(f"{API}/compare?a={line.alone.pk}&b={joint['id']}&set=lab/mood").json()
    assert (found["a"]["companion"], found["b"]["companion"]) == (None, "lab/german@1.0.0")
    again = client.post(f"{API}/evaluations/{joint['id']}/rerun").json()["evaluations"][0]
    assert again["companion"] == "lab/german@1.0.0"


def test_what_cannot_act_beside_an_adapter_is_refused_before_a_job(owner, base):
    client = client_of(owner)
    make_set(owner)
    classifier(owner, base, version="1.0.0")
    classifier(owner, base, "lab/headed", version="1.0.0")
    lora(owner, base, "lab/dora", facts={"method": "dora"})
    lora(owner, make_base(owner, name="example/other"), "lab/other")
    jobs = Job.objects.filter(kind="evaluate")
    for companion in ("lab/ner", "lab/headed", "lab/dora", "lab/other"):
        body = {"adapters": ["lab/ner"], "companion": companion, "evaluation_set": "lab/mood"}
        refused = assert_error(client.post(f"{API}/evaluations", body), 422, "companion_does_not_fit")
        assert refused["field"] == "companion"
    probe = {"with_probe": True}
    body = {"base_model": base.name, "companion": "lab/dora", "evaluation_set": "lab/mood", "settings": probe}
    assert_error(client.post(f"{API}/evaluations", body), 422, "companion_does_not_fit")
    assert not jobs.exists()


def test_a_score_with_a_private_companion_is_seen_by_who_sees_the_companion(owner, base):
    client = client_of(owner)
    make_set(owner)
    classifier(owner, base, version="1.0.0")
    second = lora(owner, base, "lab/german")
    body = {"adapters": ["lab/ner"], "companion": "lab/german", "evaluation_set": "lab/mood"}
    found = client.post(f"{API}/evaluations", body).json()["evaluations"][0]["id"]
    assert client_of(None).get(f"{API}/evaluations/{found}").status_code == 200
    update_adapter(owner, second.adapter, visibility="private")
    assert_error(client_of(None).get(f"{API}/evaluations/{found}"), 404, "not_found")
