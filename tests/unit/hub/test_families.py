"""Families over HTTP: who joins with whose word, who sees what, and what is refused before anything is computed."""

import pytest

from catalog.accounts.services import create_organization
from catalog.adapters.models import Adapter, Blob
from catalog.families.models import Basis, BasisState, Family, Fit, FitState
from catalog.jobs.models import Job
from catalog.removals.withdrawing import delete_adapter
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.families import BASE, family_files, make_family, make_wide_base, publish_member
from tests.unit.catalog.kept_bases import keep_basis
from tests.unit.hub.calling import API, assert_error, client_of

torch = pytest.importorskip("torch", reason="members are inspected with torch")
pytestmark = pytest.mark.django_db
TONES = f"{API}/families/lab/tones"


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner, is_review_required=False)
    return owner


@pytest.fixture
def other():
    """Somebody with a namespace and an adapter of his own."""
    other = make_user("other")
    create_organization(other, name="elsewhere", is_review_required=False)
    return other


def test_a_family_is_made_filled_compressed_and_planned(owner):
    base = make_wide_base(owner)
    for seed in (1, 2):
        publish_member(owner, base, f"lab/member-{seed}", seed=seed)
    client = client_of(owner)
    made = client.post(f"{API}/families", {"namespace": "lab", "name": "tones", "base_model": BASE})
    assert made.status_code == 201, made.json()
    added = client.post(f"{TONES}/members", {"adapters": ["lab/member-1", "lab/member-2"]})
    assert [row["consent"] for row in added.json()] == ["given", "given"]
    asked = client.post(f"{TONES}/bases", {"options": {"rank": 4}, "reason": "to save room"})
    assert asked.status_code == 202, asked.json()
    assert (asked.json()["state"], asked.json()["reference"]) == ("waiting", "lab/tones@1")
    assert Job.objects.get(pk=asked.json()["job"]).kind == "compress"
    assert_error(client.post(f"{TONES}/bases", {}), 409, "basis_under_way")
    assert_error(client.get(f"{TONES}/plan"), 404, "no_basis")


def test_a_plan_names_the_bytes_and_they_are_served_with_ranges(owner):
    basis = keep_basis(make_family(owner, 2))
    client = client_of(None)
    plan = client.get(f"{TONES}/plan").json()
    assert (plan["family"], plan["number"], plan["method"]) == ("lab/tones", 1, "jd_full")
    assert plan["basis"]["sha256"] == basis.blob_id
    assert [row["adapter"] for row in plan["members"]] == ["lab/member-1", "lab/member-2"]
    assert [file["path"] for file in plan["members"][0]["files"]] == ["README.md"]
    for part in (plan["basis"], plan["members"][0]["coefficients"]):
        answer = client.get(part["url"], HTTP_RANGE="bytes=0-3")
        assert (answer.status_code, answer["ETag"]) == (206, f'"{part["sha256"]}"')
        assert len(b"".join(answer.streaming_content)) == 4
    one = client.get(f"{API}/adapters/lab/member-2/compressed").json()
    assert [row["adapter"] for row in one["members"]] == ["lab/member-2"]
    fits = client.get(f"{TONES}/bases/1/fits").json()["results"]
    assert {fit["state"] for fit in fits} == {"compressed"}


def test_a_member_that_is_not_compressed_says_why_and_is_pulled_as_it_is(owner):
    basis = keep_basis(make_family(owner, 2))
    Fit.objects.filter(revision__adapter__name="member-1").update(
        state="uncompressed", reason="accuracy fell", blob=None
    )
    client = client_of(None)
    refused = assert_error(client.get(f"{API}/adapters/lab/member-1/compressed"), 409, "not_compressed")
    assert "accuracy fell" in refused["detail"]
    [first, _] = client.get(f"{TONES}/plan").json()["members"]
    assert first["coefficients"] is None
    assert {file["path"] for file in first["files"]} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "README.md",
    }
    commit = first["commit_id"]
    assert_error(client.get(f"{TONES}/bases/{basis.number}/coefficients/{commit}"), 404, "not_found")


def test_an_adapter_of_another_namespace_waits_for_its_owner(owner, other):
    family = make_family(owner, 1)
    publish_member(other, family.base_model, "elsewhere/far", seed=5)
    client = client_of(owner)
    [added] = client.post(f"{TONES}/members", {"adapters": ["elsewhere/far"]}).json()
    assert added["consent"] == "asked"
    path = f"{TONES}/members/elsewhere/far"
    assert_error(client.put(path, {"consent": "given"}), 403, "not_permitted")
    basis = keep_basis(family)
    assert [row["adapter"] for row in basis.recipe["members"]] == ["lab/member-1"]
    assert client_of(other).put(path, {"consent": "given"}).json()["consent"] == "given"
    basis = keep_basis(family)
    assert len(basis.recipe["members"]) == 2


def test_who_joins_a_family_that_has_a_basis_is_projected_onto_it(owner):
    family = make_family(owner, 1)
    keep_basis(family)
    late = publish_member(owner, family.base_model, "lab/late", seed=5)
    assert client_of(owner).post(f"{TONES}/members", {"adapters": ["lab/late"]}).status_code == 201
    job = Job.objects.get(kind="project_revision")
    assert job.payload["revision_id"] == late.pk


def test_consent_that_is_taken_back_withdraws_every_basis_with_the_adapter_at_once(owner, other):
    family = make_family(owner, 1)
    first = keep_basis(family)
    publish_member(other, family.base_model, "elsewhere/far", seed=5)
    client_of(owner).post(f"{TONES}/members", {"adapters": ["elsewhere/far"]})
    path = f"{TONES}/members/elsewhere/far"
    client_of(other).put(path, {"consent": "given"})
    second = keep_basis(family)
    assert client_of(other).put(path, {"consent": "refused"}).status_code == 200
    second.refresh_from_db()
    assert (second.state, second.blob) == (BasisState.WITHDRAWN, None)
    assert not second.fits.exclude(state=FitState.WITHDRAWN).exists()
    first.refresh_from_db()
    assert first.state == BasisState.READY, "it never held the adapter"
    assert_error(client_of(owner).get(f"{TONES}/bases/2/file"), 410, "withdrawn")
    assert_error(client_of(owner).post(f"{TONES}/members", {"adapters": ["lab/nobody"]}), 404, "not_found")


def test_a_private_adapter_enters_no_public_basis_without_an_owners_word(owner):
    writer = make_user("writer")
    from catalog.accounts.services import set_member

    family = make_family(owner, 1)
    set_member(owner, family.namespace, username="writer", role="writer")
    publish_member(owner, family.base_model, "lab/secret", seed=5)
    Adapter.objects.filter(name="secret").update(visibility="private")
    [added] = client_of(writer).post(f"{TONES}/members", {"adapters": ["lab/secret"]}).json()
    assert added["consent"] == "asked"
    client_of(owner).put(f"{TONES}/members/lab/secret", {"consent": "given"})
    keep_basis(family)
    assert client_of(owner).get(f"{TONES}/plan").status_code == 200
    assert_error(client_of(None).get(f"{TONES}/plan"), 404, "no_basis")
    assert_error(client_of(None).get(f"{API}/adapters/lab/member-1/compressed"), 409, "not_compressed")
    assert "lab/secret" not in client_of(None).get(f"{TONES}/members").content.decode()
    assert client_of(None).get(f"{TONES}/bases").json()["results"] == []


def test_a_private_family_looks_absent(owner):
    keep_basis(make_family(owner, 1, visibility="private"))
    stranger = client_of(make_user("stranger"))
    for path in ("", "/members", "/bases", "/bases/1", "/bases/1/file", "/bases/1/fits", "/plan"):
        assert_error(stranger.get(TONES + path), 404, "family_not_found")
    assert stranger.get(f"{API}/families").json()["results"] == []


@pytest.mark.parametrize(
    ("files", "base", "code"),
    [
        ({"use_dora": True, "more": "dora"}, BASE, "not_low_rank"),
        ({"modules": ("layers.0.q_proj",), "narrow": True}, BASE, "mixed_shapes"),
        ({}, "tiny/other", "mixed_base_models"),
    ],
    ids=["dora", "other shapes", "other base model"],
)
def test_what_cannot_share_a_basis_is_refused_by_name_and_nothing_is_added(owner, files, base, code):
    family = make_family(owner, 1)
    options = dict(files)
    if options.pop("more", ""):
        options["more"] = {
            f"base_model.model.layers.0.q_proj.{name}": torch.ones(96) for name in ("lora_magnitude_vector",)
        }
    made = family_files(5, **{name: value for name, value in options.items() if name != "narrow"})
    if files.get("narrow"):
        from safetensors.torch import load, save

        tensors = {name: values[:, :32] if "lora_A" in name else values for name, values in load(made["adapter_model.safetensors"]).items()}  # fmt: skip  # noqa: E501
        made["adapter_model.safetensors"] = save({name: one.contiguous() for name, one in tensors.items()})
    at = family.base_model
    if base != BASE:
        from catalog.bases.services import register_base

        at = register_base(owner, name=base, shapes={"layers.0.q_proj.weight": [96, 64]}).base
    publish_member(owner, at, "lab/odd", made)
    publish_member(owner, family.base_model, "lab/good", seed=6)
    refused = client_of(owner).post(f"{TONES}/members", {"adapters": ["lab/good", "lab/odd"]})
    assert_error(refused, 422, code)
    assert family.members.count() == 1


def test_a_family_without_members_makes_no_basis(owner):
    make_wide_base(owner)
    client = client_of(owner)
    client.post(f"{API}/families", {"namespace": "lab", "name": "tones", "base_model": BASE})
    assert_error(client.post(f"{TONES}/bases", {}), 422, "family_empty")
    assert_error(client.post(f"{TONES}/members", {"adapters": []}), 400, "invalid_input")
    assert not Basis.objects.exists()


@pytest.mark.parametrize(
    "options",
    [
        {"rank": 0},
        {"rank": 4, "bytes": 100},
        {"method": "magic"},
        {"error": 2.0},
        {"clusters": 3},
        {"method": "clustered", "clusters": 9},
        {"rank": True},
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_refused(owner, options):
    make_family(owner, 2)
    assert_error(client_of(owner).post(f"{TONES}/bases", {"options": options}), 400, "invalid_input")
    assert_error(client_of(owner).post(f"{TONES}/bases", {"options": {"ranks": 4}}), 400, "unknown_field")


def test_a_rule_chooses_what_fits_and_leaves_out_what_was_deleted(owner):
    make_family(owner, 3, full_name="lab/first")
    client = client_of(owner)
    body = {"namespace": "lab", "name": "tones", "base_model": BASE, "rule": {"method": "lora", "name": "member"}}
    assert client.post(f"{API}/families", body).status_code == 201
    delete_adapter(owner, Adapter.objects.get(name="member-3"))
    asked = client.post(f"{TONES}/bases", {"options": {"rank": 4}})
    assert asked.status_code == 202, asked.json()
    basis = Basis.objects.get(family__name="tones")
    assert [row["adapter"] for row in basis.recipe["members"]] == ["lab/member-1", "lab/member-2"]


def test_a_member_whose_newest_version_cannot_be_compressed_is_left_out_with_the_reason(owner):
    family = make_family(owner, 2)
    dora = {"base_model.model.layers.0.q_proj.lora_magnitude_vector": torch.ones(96)}
    files = family_files(9, more=dora, use_dora=True)
    publish_member(owner, family.base_model, "lab/member-2", files, version="2.0.0")
    asked = client_of(owner).post(f"{TONES}/bases", {"options": {"rank": 4}}).json()
    [left] = asked["left_out"]
    assert (left["adapter"], left["code"]) == ("lab/member-2", "not_low_rank")
    seen = client_of(None).get(f"{TONES}/bases/1").json()
    assert (seen["left_out"], seen["job"]) == ([], None)


def test_only_writers_make_and_change_families(owner):
    make_family(owner, 1)
    stranger = client_of(make_user("stranger"))
    body = {"namespace": "lab", "name": "mine", "base_model": BASE}
    assert_error(stranger.post(f"{API}/families", body), 403, "not_permitted")
    assert_error(stranger.post(f"{TONES}/bases", {}), 403, "not_permitted")
    assert_error(stranger.patch(TONES, {"summary": "x"}), 403, "not_permitted")
    assert_error(stranger.delete(TONES), 403, "not_permitted")
    assert_error(stranger.post(f"{TONES}/members", {"adapters": ["lab/member-1"]}), 403, "not_permitted")


def test_a_deleted_family_gives_up_its_bytes_and_keeps_its_name(owner):
    basis = keep_basis(make_family(owner, 1))
    digest = basis.blob_id
    client = client_of(owner)
    assert client.delete(TONES).status_code == 204
    assert_error(client.get(TONES), 404, "family_not_found")
    again = client.post(f"{API}/families", {"namespace": "lab", "name": "Tones", "base_model": BASE})
    assert_error(again, 409, "name_taken")
    assert client.get(f"{API}/adapters/lab/member-1").status_code == 200
    assert digest in Blob.objects.unreferenced().values_list("pk", flat=True), "nothing holds the bytes any more"
    assert Family.objects.count() == 1
