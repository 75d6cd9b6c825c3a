"""Merges, reductions and extractions over HTTP: what is refused before a job, by its code, and who sees what."""

import pytest

from catalog.adapters.models import Adapter, Revision
from catalog.bases.services import register_base
from catalog.derivations.drafting import waiting_for
from catalog.derivations.merge_options import METHODS
from catalog.derivations.models import Derivation
from catalog.errors import Gone
from catalog.jobs.models import Job
from catalog.removals.withdrawing import delete_adapter
from tests.unit.catalog.evaluating import classifier, make_set
from tests.unit.catalog.factories import PROJECTION, lora_files, make_base, make_namespace, make_user
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
FACTS = {"method": "lora", "format": "peft", "rank": 4, "requirements": [[PROJECTION, 16, 16]], "heads": []}


@pytest.fixture
def owner():
    """The owner of ``lab``, with the base model and two plain LoRAs for it: ``lab/one`` and ``lab/two``."""
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    for seed, name in enumerate(("lab/one", "lab/two")):
        revision = classifier(owner, base, name, files=lora_files(seed=seed + 1), version="1.0.0")
        revision.facts = FACTS
        revision.save()
    return owner


def merge(client, *members: str, **body):
    rows = [{"adapter": name} for name in members]
    return client.post(f"{API}/merges", {"adapter": "lab/both", "members": rows, **body})


def reduce(client, operation: str = "truncate", **settings):
    body = {"adapter": "lab/small", "source": "lab/one", "operation": operation, "settings": settings}
    return client.post(f"{API}/reductions", body)


def change(name: str, **facts) -> Revision:
    revision = Revision.objects.get(adapter__name=name)
    revision.facts = {**revision.facts, **facts}
    revision.save()
    return revision


def test_a_merge_is_accepted_with_every_parameter_and_the_digests_of_its_parents(owner):
    client = client_of(owner)
    settings = {"density": 0.5, "seed": 3}
    answer = merge(client, "lab/one", "lab/two@1.0.0", method="ties", settings=settings, version="1.0.0", license="mit")
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["kind"], made["state"], made["adapter"], made["version"]) == ("merge", "waiting", "lab/both", "1.0.0")
    recipe = made["recipe"]
    assert (recipe["method"], recipe["density"], recipe["seed"], recipe["weights"]) == ("ties", 0.5, 3, [1.0, 1.0])
    assert (recipe["dtype"], recipe["heads"], recipe["search"]) == ("float32", "", None)
    assert recipe["metadata"]["license"] == "MIT"
    one = Revision.objects.get(adapter__name="one")
    assert made["parents"][0]["digests"] == dict(one.files.values_list("path", "blob_id"))
    job = Job.objects.get(pk=made["job"])
    assert (job.kind, job.queue, job.subject_name) == ("merge", "gpu", "lab/both@1.0.0")
    assert client.get(f"{API}/derivations/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("wanted", "method"),
    [
        ({}, "ties"),
        ({"density": 0}, "ties"),
        ({"density": 1.5}, "dare_linear"),
        ({"density": 0.5}, "cat"),
        ({"rank": 0}, "svd"),
        ({"rank": True}, "svd"),
        ({"rank": 4}, "cat"),
        ({"inner": "ties"}, "svd"),
        ({"inner": "nothing", "density": 0.5}, "knots"),
        ({"compat": "peft"}, "tsv_m"),
        ({"seed": -1}, "cat"),
        ({"alignment": "rotation"}, "cat"),
        ({"dtype": "int8"}, "cat"),
        ({"svd_clamp": 0.0}, "svd"),
        ({"speed": 3}, "cat"),
    ],
)
def test_settings_that_mean_nothing_to_the_method_are_refused_before_a_job(owner, wanted, method):
    answer = merge(client_of(owner), "lab/one", method=method, settings=wanted)
    assert answer.status_code == 400, answer.content
    assert not Job.objects.filter(kind="merge").exists()
    assert not Adapter.objects.filter(name="both").exists()


def test_zero_adapters_and_one_twice_are_refused(owner):
    client = client_of(owner)
    assert_error(merge(client), 400, "members_missing")
    assert_error(merge(client, "lab/one", "lab/one@1.0.0"), 400, "invalid_input")
    assert_error(merge(client, "lab/one", "lab/absent"), 404, "not_found")
    assert_error(merge(client, "lab/one", weights=[1]), 400, "unknown_field")
    assert merge(client, "lab/one", method="nothing").status_code == 400
    body = {"adapter": "lab/both", "members": [{"adapter": "lab/one", "weight": 1e9}]}
    assert_error(client.post(f"{API}/merges", body), 400, "invalid_input")


def test_mixed_base_models_are_refused(owner):
    other = register_base(owner, name="tiny/other", shapes={f"{PROJECTION}.weight": [16, 16]}).base
    Revision.objects.filter(adapter__name="two").update(base_model=other)
    said = assert_error(merge(client_of(owner), "lab/one", "lab/two"), 422, "mixed_base_models")
    assert "tiny/other" in said["detail"]
    assert said["field"] == "members"


def test_mixed_shapes_are_refused_by_the_module_and_both_shapes(owner):
    change("two", requirements=[[PROJECTION, 32, 16]])
    said = assert_error(merge(client_of(owner), "lab/one", "lab/two"), 422, "mixed_shapes")
    assert PROJECTION in said["detail"]
    assert "[16, 16]" in said["detail"]
    assert "[32, 16]" in said["detail"]


@pytest.mark.parametrize("facts", [{"options": ["dora"]}, {"method": "ia3"}, {"method": ""}])
def test_what_is_no_plain_lora_is_refused(owner, facts):
    change("two", **facts)
    client = client_of(owner)
    assert_error(merge(client, "lab/one", "lab/two"), 422, "not_low_rank")
    body = {"adapter": "lab/small", "source": "lab/two", "operation": "truncate", "settings": {"rank": 2}}
    said = assert_error(client.post(f"{API}/reductions", body), 422, "not_low_rank")
    assert said["field"] == "source"


def test_another_format_is_refused(owner):
    change("two", format="kohya")
    assert_error(merge(client_of(owner), "lab/one", "lab/two"), 422, "not_peft")


def test_heads_are_never_averaged_silently(owner):
    change("one", head_parameters=32)
    client = client_of(owner)
    said = assert_error(merge(client, "lab/one", "lab/two"), 422, "heads_undecided")
    assert said["field"] == "heads"
    assert "lab/one" in said["detail"]
    assert_error(merge(client, "lab/one", "lab/two", heads="lab/two"), 422, "heads_undecided")
    assert_error(merge(client, "lab/one", "lab/two", heads="lab/three"), 400, "invalid_input")
    made = merge(client, "lab/one", "lab/two", heads="lab/one")
    assert made.status_code == 202, made.content
    assert made.json()["recipe"]["heads"] == "lab/one@1.0.0"


def test_a_look_needs_no_decision_about_heads_and_is_for_who_asked(owner):
    change("one", head_parameters=32)
    body = {"members": [{"adapter": "lab/one", "weight": 0.5}, {"adapter": "lab/two"}]}
    answer = client_of(owner).post(f"{API}/merges/preview", body)
    assert answer.status_code == 202, answer.content
    assert answer.json()["kind"] == "preview_merge"
    member = make_user("member")
    from catalog.accounts.services import set_member

    set_member(owner, Adapter.objects.get(name="one").namespace, username="member", role="owner")
    assert client_of(member).get(f"{API}/jobs/{answer.json()['id']}").status_code == 404


def test_who_does_not_write_there_merges_nothing_there(owner):
    stranger = make_user("stranger")
    assert_error(merge(client_of(stranger), "lab/one"), 403, "not_permitted")
    assert_error(merge(client_of(stranger), "lab/one", adapter="nowhere/x"), 404, "not_found")
    made = merge(client_of(stranger), "lab/one", adapter="stranger/own")
    assert made.status_code == 202, made.content


def test_a_private_parent_is_absent_for_others_and_makes_the_result_private(owner):
    Adapter.objects.filter(name="one").update(visibility="private")
    stranger = make_user("stranger")
    assert_error(merge(client_of(stranger), "lab/one", adapter="stranger/own"), 404, "not_found")
    made = merge(client_of(owner), "lab/one", "lab/two", adapter="owner/own")
    assert made.status_code == 202, made.content
    assert Adapter.objects.get(name="own").visibility == "private"
    # Members of where it goes need not see where it comes from: the job is the asker's alone.
    assert Job.objects.get(pk=made.json()["job"]).namespace is None


def test_a_version_that_is_taken_is_refused_at_once(owner):
    said = assert_error(merge(client_of(owner), "lab/two", adapter="lab/one", version="1.0.0"), 409, "version_exists")
    assert said["field"] == "version"
    assert_error(merge(client_of(owner), "lab/two", version="one"), 400, "invalid_version")


def test_a_member_that_vanishes_before_the_job_ends_it_with_a_code(owner):
    made = merge(client_of(owner), "lab/one", "lab/two").json()
    delete_adapter(owner, Adapter.objects.get(name="two"))
    with pytest.raises(Gone, match="parent_gone"):
        waiting_for(Job.objects.get(pk=made["job"]))
    assert not Adapter.objects.get(name="both").revisions.exists()


def test_a_search_needs_rows_a_head_and_a_plain_sum(owner):
    client = client_of(owner)
    make_set(owner)
    search = {"evaluation_set": "lab/mood"}
    assert_error(merge(client, "lab/one", search=search), 422, "no_head")
    head = {"module": "classifier", "tensors": {"weight": [2, 16]}}
    change("one", heads=[head], head_parameters=32)
    made = merge(client, "lab/one", "lab/two", heads="lab/one", search=search | {"budget": 5, "rows": 10})
    assert made.status_code == 202, made.content
    recipe = made.json()["recipe"]
    assert (recipe["evaluation_set"], recipe["search"]["budget"], recipe["search"]["bound"]) == ("lab/mood@1", 5, 1.5)
    assert made.json()["parents"][0]["weight"] is None
    ties = {"method": "ties", "settings": {"density": 0.5}}
    assert_error(merge(client, "lab/one", heads="lab/one", search=search, **ties), 400, "invalid_input")
    assert_error(merge(client, "lab/one", heads="lab/one", search={"evaluation_set": "a/b"}), 404, "set_not_found")
    assert_error(merge(client, "lab/one", heads="lab/one", search=search | {"budget": 0}), 400, "invalid_input")
    three = make_set(owner, "lab/three", labels=["negative", "neutral", "positive"])
    assert three.labels
    assert_error(
        merge(client, "lab/one", heads="lab/one", search={"evaluation_set": "lab/three"}), 422, "labels_do_not_fit"
    )


def test_the_rows_of_a_hidden_set_are_searched_by_its_own_people_alone(owner):
    other = make_user("other")
    make_namespace(other, "exam")
    make_set(other, "exam/mood", is_hidden=True)
    head = {"module": "classifier", "tensors": {"weight": [2, 16]}}
    change("one", heads=[head], head_parameters=32)
    answer = merge(client_of(owner), "lab/one", heads="lab/one", search={"evaluation_set": "exam/mood"})
    assert_error(answer, 403, "rows_hidden")


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        ("truncate", {}),
        ("truncate", {"rank": 2, "energy": 0.9}),
        ("truncate", {"energy": 0}),
        ("truncate", {"rank": 2, "min_rank": 1}),
        ("subrank", {"ranks": {}}),
        ("subrank", {"ranks": {"*": -1}}),
        ("subrank", {"ranks": "all"}),
        ("shorten", {}),
        ("prune", {"density": 2}),
        ("prune", {"density": 0.5, "by": "snip"}),
        ("quantise", {"bits": 3}),
        ("quantise", {"bits": 4, "rank": 2}),
    ],
)
def test_reductions_that_make_no_sense_are_refused_before_a_job(owner, operation, wanted):
    answer = reduce(client_of(owner), operation, **wanted)
    assert answer.status_code == 400, answer.content
    assert not Job.objects.filter(kind="reduce").exists()


def test_a_reduction_waits_with_its_recipe(owner):
    answer = reduce(client_of(owner), "prune", density=0.25)
    assert answer.status_code == 202, answer.content
    made = answer.json()
    recipe = made["recipe"]
    assert (recipe["operation"], recipe["density"], recipe["by"], recipe["scope"]) == (
        "prune",
        0.25,
        "magnitude",
        "tensor",
    )
    assert [(row["adapter"], row["role"]) for row in made["parents"]] == [("lab/one", "source")]


def test_an_extraction_names_two_registered_models_of_one_kind(owner):
    client = client_of(owner)
    body = {"adapter": "lab/tuned", "base_model": "tiny/llama", "tuned_model": "tiny/tuned"}
    assert_error(client.post(f"{API}/extractions", body), 422, "unknown_base_model")
    shapes = {f"{PROJECTION}.weight": [16, 16]}
    tuned = register_base(owner, name="tiny/tuned", shapes=shapes).base
    made = client.post(f"{API}/extractions", body)
    assert made.status_code == 202, made.content
    assert (made.json()["recipe"]["rank"], made.json()["parents"]) == (16, [])
    assert made.json()["recipe"]["tuned_model"] == "tiny/tuned@main"
    tuned.model_type = "t5"
    tuned.save()
    type(tuned).objects.filter(name="tiny/llama").update(model_type="llama")
    assert_error(client.post(f"{API}/extractions", body | {"adapter": "lab/x"}), 422, "mixed_shapes")
    assert_error(client.post(f"{API}/extractions", body | {"tuned_model": "tiny/llama"}), 400, "invalid_input")


def test_what_was_not_made_cannot_be_made_again(owner):
    client = client_of(owner)
    made = merge(client, "lab/one").json()
    assert_error(client.post(f"{API}/derivations/{made['id']}/reproduce"), 409, "not_reproducible")
    stranger = client_of(make_user("stranger"))
    assert_error(stranger.post(f"{API}/derivations/{made['id']}/reproduce"), 404, "not_found")


def test_every_method_and_operation_is_listed_with_its_options(owner):
    client = client_of(None)
    methods = {row["method"]: row["options"] for row in client.get(f"{API}/merges").json()["results"]}
    assert list(methods) == list(METHODS)
    assert methods["ties_svd"] == ["density", "rank", "compat"]
    operations = {row["operation"]: row for row in client.get(f"{API}/reductions").json()["results"]}
    assert operations["truncate"]["one_of"] == ["rank", "energy", "size_bytes"]


def test_derivations_of_a_request_that_failed_leave_no_row(owner):
    reduce(client_of(owner), "truncate")
    assert not Derivation.objects.exists()
