"""Adaptations and transfers over HTTP: asked for, refused before a job, kept as drafts, seen by who may see them."""

import pytest

from catalog.adapters.storing import store_folder
from catalog.derivations.drafting import abandon_derivation, receipts_as_dict, revive_derivation, waiting_for
from catalog.derivations.models import Derivation
from catalog.derivations.trained import inputs_of, record_trained
from catalog.errors import Gone
from catalog.families.models import Consent, Family, Member
from catalog.jobs.models import Job
from catalog.removals.withdrawing import delete_adapter
from tests.unit.catalog.evaluating import classifier, make_set
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db

SIDE = {"low": 0.7, "high": 0.9, "head_parameters": 10, "steps": 24, "first_loss": 0.7, "last_loss": 0.2}
REPORT = {
    "metric": "accuracy",
    "train_rows": 4,
    "test_rows": 6,
    "sides": [
        {"name": "coefficients", "score": 0.8, "trained_parameters": 96, "seconds": 1.5, **SIDE},
        {"name": "full_lora", "score": 0.85, "trained_parameters": 960, "seconds": 1.6, **SIDE},
    ],
    "subspace": {"members": 2, "modules": 1},
}


@pytest.fixture
def owner():
    """The owner of ``lab``, with the set ``lab/mood``."""
    owner = make_user("owner")
    make_namespace(owner)
    make_set(owner)
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


@pytest.fixture
def members(owner, base):
    """Two published LoRAs with heads: ``lab/a1`` and ``lab/a2``."""
    return [
        plain(classifier(owner, base, f"lab/a{seed}", files=lora_files(seed=seed), version="1.0.0")) for seed in (1, 2)
    ]


def plain(revision, **facts):
    revision.facts = {
        **revision.facts, "is_low_rank": True, "options": [], "requirements": [["layer", 16, 16]], "format": "peft",
        **facts,
    }  # fmt: skip
    revision.save()
    return revision


def ask(client, **body):
    usual = {"adapter": "lab/learnt", "members": ["lab/a1", "lab/a2"], "evaluation_set": "lab/mood"}
    return client.post(f"{API}/adaptations", usual | body)


def move(client, **body):
    usual = {"adapter": "lab/moved", "source": "lab/a1", "base_model": "tiny/other", "text_set": "lab/mood"}
    return client.post(f"{API}/transfers", usual | body)


def finish(job: Job, folder, *, report=REPORT):
    """Keep files as if the job had made them."""
    for path, data in lora_files(seed=77).items():
        (folder / path).write_bytes(data)
    return record_trained(
        job,
        {
            "receipts": receipts_as_dict(store_folder(folder)),
            "card": "Learnt.",
            "report": report,
            "made_with": {"torch": "2"},
        },
    )


def test_from_a_request_to_a_draft_with_its_comparison(owner, members, tmp_path):
    client = client_of(owner)
    asked = ask(client, version="1.0.0", settings={"components": 6, "rank": 4})
    assert asked.status_code == 202, asked.content
    row = asked.json()
    assert (row["kind"], row["state"], row["adapter"], row["version"]) == ("adapt", "waiting", "lab/learnt", "1.0.0")
    assert [parent["adapter"] for parent in row["parents"]] == ["lab/a1", "lab/a2"]
    assert row["parents"][0]["digests"] == dict(members[0].files.values_list("path", "blob_id"))
    recipe = row["recipe"]
    assert (recipe["evaluation_set"], recipe["components"], recipe["energy"], recipe["rank"]) == (
        "lab/mood@1",
        6,
        None,
        4,
    )
    assert (recipe["epochs"], recipe["split"], recipe["base_model"]) == (4, "train", "tiny/llama")
    assert len(recipe["set_digest"]) == 64
    job = Job.objects.get(pk=row["job"])
    assert (job.kind, job.queue, job.subject_name) == ("adapt", "gpu", "lab/learnt@1.0.0")
    result = finish(job, tmp_path)
    assert result["version"] == "1.0.0"
    shown = client.get(f"{API}/derivations/{row['id']}").json()
    assert (shown["state"], shown["revision_state"], shown["report"]) == ("made", "validating", REPORT)
    assert shown["commit_id"] == result["commit_id"]
    assert shown["made_with"] == {"torch": "2"}
    listed = client.get(f"{API}/derivations?adapter=lab/learnt&kind=adapt").json()
    assert [each["id"] for each in listed["results"]] == [row["id"]]


def test_a_family_stands_for_the_members_whose_people_agreed(owner, base, members):
    family = Family.objects.create(namespace=members[0].adapter.namespace, name="moods", base_model=base)
    for member, consent in zip(members, (Consent.GIVEN, Consent.ASKED), strict=True):
        Member.objects.create(family=family, adapter=member.adapter, consent=consent)
    row = ask(client_of(owner), members=[], family="lab/moods").json()
    assert [parent["adapter"] for parent in row["parents"]] == ["lab/a1"]
    assert row["recipe"]["family"] == "lab/moods"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"rank": 0}, "invalid_input"),
        ({"epochs": 1.5}, "invalid_input"),
        ({"energy": 0.9, "components": 4}, "invalid_input"),
        ({"is_centred": 1}, "invalid_input"),
        ({"learning_rate": "fast"}, "invalid_input"),
        ({"split": "test"}, "invalid_input"),
        ({"colour": "blue"}, "unknown_field"),
    ],
)
def test_settings_that_make_no_sense_are_refused(owner, members, given, code):
    assert_error(ask(client_of(owner), settings=given), 400, code)
    assert not Derivation.objects.exists()


def test_neither_members_nor_a_family_is_nothing_to_learn_from(owner, members):
    assert_error(ask(client_of(owner), members=[]), 400, "invalid_input")
    assert_error(ask(client_of(owner), family="lab/none"), 400, "invalid_input")
    assert_error(ask(client_of(owner), members=[], family="lab/none"), 404, "family_not_found")


def test_members_of_different_base_models_are_refused_before_a_job(owner, base, members):
    other = make_base(owner, "tiny/other")
    plain(classifier(owner, other, "lab/a3", files=lora_files(seed=3, base="tiny/other"), version="1.0.0"))
    assert_error(ask(client_of(owner), members=["lab/a1", "lab/a3"]), 422, "mixed_base_models")
    assert not Job.objects.filter(kind="adapt").exists()


def test_members_of_different_shapes_are_refused_before_a_job(owner, members):
    plain(members[1], requirements=[["layer", 32, 16]])
    assert_error(ask(client_of(owner)), 422, "mixed_shapes")


def test_what_is_no_plain_lora_is_refused_before_a_job(owner, members):
    plain(members[1], options=["dora"])
    assert_error(ask(client_of(owner)), 422, "not_low_rank")


def test_a_set_without_the_split_or_of_another_kind_is_refused(owner, members):
    make_set(owner, "lab/test-only", files={"test": b'{"text": "a", "label": "positive"}\n'})
    assert_error(ask(client_of(owner), evaluation_set="lab/test-only"), 422, "split_missing")
    files = {"test": b'{"reference": "a", "prompt": "b"}\n', "train": b'{"reference": "a", "prompt": "b"}\n'}
    make_set(owner, "lab/text", files=files, harness="generation", metric="bleu", columns={}, labels=[])
    assert_error(ask(client_of(owner), evaluation_set="lab/text"), 422, "harness_mismatch")


def test_a_stranger_makes_nothing_in_others_namespaces_and_learns_nothing_of_the_private(owner, members):
    stranger = make_user("stranger")
    assert_error(ask(client_of(stranger)), 403, "not_permitted")
    members[1].adapter.visibility = "private"
    members[1].adapter.save()
    assert_error(ask(client_of(stranger), adapter="stranger/learnt"), 404, "not_found")
    waiting = ask(client_of(owner)).json()
    assert_error(client_of(stranger).get(f"{API}/derivations/{waiting['id']}"), 404, "not_found")
    assert client_of(stranger).get(f"{API}/derivations").json()["results"] == []


def test_what_is_learnt_from_something_private_begins_private(owner, members):
    members[0].adapter.visibility = "private"
    members[0].adapter.save()
    ask(client_of(owner))
    assert Derivation.objects.get().target.visibility == "private"


def test_hidden_rows_are_learnt_by_their_own_people_alone(owner, members):
    other = make_user("other")
    make_namespace(other, "exam")
    make_set(other, "exam/mood", is_hidden=True)
    assert_error(ask(client_of(owner), evaluation_set="exam/mood"), 403, "rows_hidden")
    assert ask(client_of(other), adapter="exam/learnt", evaluation_set="exam/mood").status_code == 202


def test_a_private_set_is_not_named_to_those_who_may_not_see_it(owner, members, tmp_path):
    make_set(owner, "lab/secret", visibility="private")
    row = ask(client_of(owner), evaluation_set="lab/secret").json()
    assert row["recipe"]["evaluation_set"] == "lab/secret@1"
    finish(Job.objects.get(pk=row["job"]), tmp_path)
    revision = Derivation.objects.get().revision
    revision.state = "published"
    revision.save()
    stranger = client_of(make_user("stranger"))
    shown = stranger.get(f"{API}/derivations/{row['id']}").json()
    assert shown["recipe"]["evaluation_set"] is None
    assert "lab/secret" not in str(shown)


def test_a_member_that_vanishes_leaves_no_half_artefact(owner, members, tmp_path):
    row = ask(client_of(owner)).json()
    job = Job.objects.get(pk=row["job"])
    delete_adapter(owner, members[1].adapter)
    with pytest.raises(Gone, match="parent_gone"):
        finish(job, tmp_path)
    assert not Derivation.objects.get().target.revisions.exists()


def test_what_failed_says_why_and_may_run_again(owner, members):
    row = ask(client_of(owner)).json()
    job = Job.objects.get(pk=row["job"])
    abandon_derivation(job, {"code": "child_died", "detail": "gone"})
    shown = client_of(owner).get(f"{API}/derivations/{row['id']}").json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "child_died")
    revive_derivation(job)
    assert inputs_of(waiting_for(job)).derivation.state == "waiting"


def test_a_transfer_names_both_base_models_and_the_texts(owner, base, members):
    other = make_base(owner, "tiny/other")
    plain(members[0], task_type="SEQ_CLS")
    asked = move(client_of(owner), evaluation_set="lab/mood", settings={"rank": 4, "target_modules": ["query"]})
    assert asked.status_code == 202, asked.content
    row = asked.json()
    recipe = row["recipe"]
    assert (row["kind"], recipe["old_base_model"], recipe["base_model"]) == ("transfer", "tiny/llama", "tiny/other")
    assert (recipe["text_set"], recipe["evaluation_set"], recipe["temperature"]) == ("lab/mood@1", "lab/mood@1", 2.0)
    inputs = inputs_of(Derivation.objects.get())
    assert (inputs.base, inputs.new_base) == (base, other)
    assert set(inputs.sets) == {"text", "evaluation"}


def test_a_transfer_that_cannot_be_is_refused_before_a_job(owner, members):
    make_base(owner, "tiny/other")
    client = client_of(owner)
    assert_error(move(client, base_model="tiny/llama"), 422, "same_base_model")
    assert_error(move(client, base_model="tiny/nothing"), 404, "not_found")
    assert_error(move(client, text_set="lab/nothing"), 404, "set_not_found")
    assert_error(move(client, settings={"split": "corpus"}), 422, "split_missing")
    assert_error(move(client, settings={"target_modules": "query"}), 400, "invalid_input")
    plain(members[0], heads=[])
    assert_error(move(client), 422, "no_head")
    assert not Job.objects.filter(kind="transfer").exists()
