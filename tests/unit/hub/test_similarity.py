"""Similar adapters, copies and proposals over HTTP: as much as the caller may see, and not a word more."""

import json

import pytest

from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision
from tests.unit.catalog.factories import accept, make_base, make_namespace, make_user, push
from tests.unit.catalog.likening import likeness_files, pushed
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
SIMILAR = f"{API}/adapters/lab/ner/similar"


@pytest.fixture
def people():
    """The owner of ``lab``, a writer there, and the owner of ``rivals``."""
    owner, writer, rival = (make_user(name) for name in ("owner", "writer", "rival"))
    make_namespace(owner, writer=writer)
    make_namespace(rival, "rivals")
    make_base(owner)
    return owner, writer, rival


def published(actor, files, adapter="lab/ner", **options) -> Revision:
    from catalog.bases.models import BaseModel

    return publish_revision(pushed(actor, BaseModel.objects.get(), files, adapter, **options), actor=actor)


def test_the_nearest_come_first_with_their_numbers(people):
    owner, _, rival = people
    published(owner, likeness_files(1), version="1.0.0")
    published(rival, likeness_files(1, gauge=2, lora_alpha=16), "rivals/copy", version="2.0.0")
    published(rival, likeness_files(1, noise=0.6), "rivals/near")
    published(rival, likeness_files(7, start=1), "rivals/same-start")
    body = client_of(None).get(SIMILAR).json()
    assert (body["revision"]["adapter"], body["revision"]["version"]) == ("lab/ner", "1.0.0")
    first, second = body["similar"][:2]
    assert (first["revision"]["adapter"], first["revision"]["version"]) == ("rivals/copy", "2.0.0")
    assert (first["likeness"], first["relation"]) == ("copy", None)
    assert first["cosine"] == pytest.approx(1.0, abs=1e-4)
    assert first["norm_ratio"] == pytest.approx(2.0, rel=1e-4)
    assert second["revision"]["adapter"] == "rivals/near"
    assert 0.2 < second["cosine"] < 0.99
    assert second["standard_error"] > 0.0005
    assert body["fingerprint"]["modules"] == 1
    assert set(body["fingerprint"]["factors"]) == {"a_norm", "a_rank", "b_norm", "b_rank", "a_start_ratio"}
    shared = {row["revision"]["adapter"]: row["initial_a_cosine"] for row in body["same_initial_a"]}
    assert {shared[name] for name in ("rivals/near", "rivals/same-start")} == {1.0}


def test_parameters_are_read_and_wrong_ones_refused(people):
    owner, _, rival = people
    published(owner, likeness_files(1), version="1.0.0")
    published(rival, likeness_files(1, gauge=2), "rivals/copy")
    published(rival, likeness_files(1, noise=0.6), "rivals/near")
    client = client_of(None)
    assert len(client.get(SIMILAR, {"limit": 1}).json()["similar"]) == 1
    assert len(client.get(SIMILAR, {"least_cosine": 0.99}).json()["similar"]) == 1
    assert len(client.get(SIMILAR, {"version": "1.0.0"}).json()["similar"]) == 2
    for wrong in ({"limit": 0}, {"limit": 101}, {"least_cosine": "near"}, {"least_cosine": 2}, {"least_cosine": "nan"}):
        assert_error(client.get(SIMILAR, wrong), 400, "invalid_input")
    assert_error(client.get(SIMILAR, {"min": 1}), 400, "unknown_field")
    assert_error(client.get(SIMILAR, {"version": "9.9.9"}), 404, "not_found")


def test_a_private_neighbour_leaves_no_trace_in_any_answer(people):
    owner, writer, rival = people
    published(owner, likeness_files(1))
    published(rival, likeness_files(1, gauge=2), "rivals/secret", visibility="private")
    published(rival, likeness_files(2, start=1), "rivals/hidden", visibility="private")
    for caller in (None, writer, owner):
        for path in (SIMILAR, f"{API}/family-proposals?base_model=tiny/llama"):
            answer = client_of(caller).get(path)
            assert answer.status_code == 200
            assert "rivals" not in json.dumps(answer.json())
    assert len(client_of(rival).get(SIMILAR).json()["similar"]) == 1
    assert_error(client_of(owner).get(f"{API}/adapters/rivals/secret/similar"), 404, "not_found")


def test_a_reviewer_is_told_of_a_hidden_copy_and_of_nothing_about_it(people):
    owner, writer, rival = people
    secret = published(rival, likeness_files(1, gauge=2), "rivals/secret", visibility="private")
    suspect = pushed(writer, secret.base_model, likeness_files(1), "lab/fresh")
    path = f"{API}/adapters/lab/fresh/revisions/{suspect.commit_id}/copies"
    body = client_of(owner).get(path).json()
    assert (body["copies"], body["has_hidden_copy"]) == ([], True)
    assert set(body) == {"revision", "copies", "has_hidden_copy"}
    told = json.dumps(body)
    for word in ("secret", "rival", secret.commit_id[:8]):
        assert word not in told
    assert_error(client_of(writer).get(path), 403, "not_permitted")
    assert_error(client_of(None).get(path), 401, "token_missing")
    assert_error(client_of(rival).get(path), 404, "not_found")
    boss = client_of(make_user("boss", is_admin=True)).get(path).json()
    assert [row["revision"]["adapter"] for row in boss["copies"]] == ["rivals/secret"]


def test_what_is_not_compared_yet_is_said(people):
    owner, *_ = people
    revision = push(owner, likeness_files(1))
    from catalog.bases.models import BaseModel

    publish_revision(accept(revision, BaseModel.objects.get()), actor=owner)
    assert_error(client_of(None).get(SIMILAR), 404, "not_fingerprinted")


def test_families_are_proposed_by_start(people):
    owner, *_ = people
    for seed in (1, 2):
        published(owner, likeness_files(seed, start=9), f"lab/of-nine-{seed}")
    published(owner, likeness_files(3), "lab/other")
    client = client_of(owner)
    body = client.get(f"{API}/family-proposals", {"base_model": "tiny/llama", "namespace": "lab"}).json()
    assert (body["considered"], body["alone"], body["is_whole"]) == (3, 1, True)
    [proposal] = body["proposals"]
    assert [member["adapter"] for member in proposal["members"]] == ["lab/of-nine-1", "lab/of-nine-2"]
    assert proposal["mean_initial_a_cosine"] == pytest.approx(1.0)
    assert abs(proposal["mean_cosine"]) < 0.9
    assert client.get(f"{API}/family-proposals", {"base_model": "llama", "least_members": 3}).json()["proposals"] == []
    assert_error(client.get(f"{API}/family-proposals"), 400, "invalid_input")
    assert_error(
        client.get(f"{API}/family-proposals", {"base_model": "tiny/llama", "least_members": 1}), 400, "invalid_input"
    )
    assert_error(client.get(f"{API}/family-proposals", {"base_model": "no/such"}), 404, "not_found")
