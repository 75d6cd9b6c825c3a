"""Why something does not fit, and what changed between two versions, over HTTP."""

import pytest

from catalog.bases.models import BaseModel
from tests.unit.catalog.factories import (
    PROJECTION,
    WIDTH,
    lora_files,
    make_base,
    make_namespace,
    make_user,
    safetensors,
)
from tests.unit.catalog.shaping import make_wide_base, published
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
WHY = f"{API}/adapters/lab/ner/why"
DIFF = f"{API}/adapters/lab/ner/diff"


@pytest.fixture
def owner():
    """The owner of ``lab`` and the base models ``tiny/llama`` and ``tiny/wide``."""
    owner = make_user("owner")
    make_namespace(owner)
    make_base(owner)
    make_wide_base(owner)
    return owner


def base(name="tiny/llama") -> BaseModel:
    return BaseModel.objects.get(name=name)


def wide_files(**config) -> dict[str, bytes]:
    """A LoRA that fits ``tiny/wide``."""
    files = lora_files(base="tiny/wide", **config)
    wide = {"A": (4, 2 * WIDTH), "B": (2 * WIDTH, 4)}
    named: dict[str, tuple[int, ...]] = {
        f"base_model.model.{PROJECTION}.lora_{side}.weight": shape for side, shape in wide.items()
    }
    return files | {"adapter_model.safetensors": safetensors(named)}


def test_the_tensor_and_both_shapes_are_named(owner):
    published(owner, base(), rank=8)
    body = client_of(None).get(WHY, {"base": "tiny/wide"}).json()
    assert (body["verdict"], body["unmatched_tensors"], body["findings_left_out"]) == ("differs", 1, 0)
    finding = body["findings"][0]
    assert finding["tensor"] == "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    assert (finding["expected"], finding["received"]) == ([8, 32], [8, 16])
    assert body["fitting_base_models"] == [{"id": "tiny/llama", "revision": "main"}]


def test_what_fits_says_so_and_names_nothing_instead(owner):
    published(owner, base())
    body = client_of(None).get(WHY, {"base": "tiny/llama"}).json()
    assert (body["verdict"], body["checked_tensors"], body["findings"]) == ("fits", 2, [])
    assert body["nearest"] == {"versions": [], "relatives": [], "adapters": []}


def test_a_version_of_the_same_adapter_is_nearer_than_another_adapter(owner):
    published(owner, base(), version="1.0.0")
    published(owner, base("tiny/wide"), files=wide_files(), version="0.9.0")
    published(owner, base("tiny/wide"), "lab/other", files=wide_files(lora_alpha=4), version="1.0.0")
    nearest = client_of(None).get(WHY, {"base": "tiny/wide", "version": "1.0.0"}).json()["nearest"]
    assert [row["version"] for row in nearest["versions"]] == ["0.9.0"]
    assert [(row["adapter"], row["shares"]) for row in nearest["adapters"]] == [("lab/other", ["language"])]


def test_a_private_adapter_is_never_the_nearest_for_a_stranger(owner):
    published(owner, base(), version="1.0.0")
    published(owner, base("tiny/wide"), "lab/hidden", files=wide_files(), visibility="private")
    for user, found in ((None, []), (owner, ["lab/hidden"])):
        body = client_of(user).get(WHY, {"base": "tiny/wide"}).json()
        assert [row["adapter"] for row in body["nearest"]["adapters"]] == found


def test_a_wrong_question_is_told_what_is_wrong(owner):
    published(owner, base())
    client = client_of(None)
    assert_error(client.get(WHY), 400, "invalid_input")
    assert_error(client.get(WHY, {"base": "no/such"}), 422, "unknown_base_model")
    assert_error(client.get(WHY, {"base": "tiny/llama", "rank": 4}), 400, "unknown_field")
    assert_error(client.get(WHY, {"base": "tiny/llama", "version": "9.9.9"}), 404, "not_found")
    assert_error(client.get(f"{API}/adapters/lab/absent/why", {"base": "tiny/llama"}), 404, "not_found")


def test_facts_files_spectrum_and_card_of_two_versions_are_told_apart(owner):
    published(owner, base(), files=lora_files(rank=4), version="1.0.0")
    second = lora_files(rank=8, seed=2, lora_alpha=16) | {
        "README.md": b"---\nlicense: mit\nlanguage: de\n---\n# A better adapter\n",
        "notes.txt": b"trained for longer\n",
    }
    published(owner, base(), files=second, version="1.1.0")
    body = client_of(None).get(DIFF, {"from": "1.0.0", "to": "1.1.0"}).json()
    changed = {row["name"]: (row["before"], row["after"]) for row in body["facts"] if row["is_different"]}
    assert (changed["rank"], changed["alpha"]) == ((4, 8), (8.0, 16.0))
    assert "method" not in changed
    files = {row["path"]: row["change"] for row in body["files"]}
    assert (files["notes.txt"], files["adapter_model.safetensors"]) == ("added", "changed")
    assert [(line["kind"], line["text"]) for line in body["card"] if line["kind"] in ("added", "removed")] == [
        ("removed", "# An adapter"),
        ("added", "# A better adapter"),
    ]
    assert [row["module"] for row in body["modules"]] == ["model.layers.0.self_attn.q_proj"]
    assert body["is_equal"] is False


def test_without_a_second_version_the_default_one_is_meant(owner):
    published(owner, base(), version="1.0.0")
    body = client_of(None).get(DIFF, {"from": "1.0.0"}).json()
    assert (body["is_equal"], body["after"]["version"], body["card"]) == (True, "1.0.0", [])
    assert_error(client_of(None).get(DIFF), 400, "invalid_input")
    assert_error(client_of(None).get(DIFF, {"from": "0.1.0"}), 404, "not_found")
