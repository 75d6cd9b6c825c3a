"""Withdrawal over HTTP: 410 with the reason on every channel, lineage, and digests that caches must not hand out."""

import pytest

from tests.unit.catalog.based import hold_basis
from tests.unit.catalog.deriving import publish_merge
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user, publish
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
PARENT, CHILD = f"{API}/adapters/lab/parent", f"{API}/adapters/team/child"
WHY = {"reason": "its data may not be used"}


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def parent(owner):
    return publish(owner, lora_files(seed=1), "lab/parent", version="1.0.0")


@pytest.fixture
def child(parent, tmp_path):
    other = make_user("other")
    make_namespace(other, "team")
    return publish_merge(other, "team/child", parent, folder=tmp_path)


def test_gone_on_every_channel_with_its_children(owner, parent, child):
    anybody = client_of(None)
    weights = child.files.get(path="adapter_model.safetensors").blob_id
    done = client_of(owner).post(f"{PARENT}/versions/1.0.0/withdraw", WHY)
    assert done.status_code == 200, done.content
    assert [(row["name"], row["kind"], row["is_derived"]) for row in done.json()["withdrawn"]] == [
        ("lab/parent@1.0.0", "revision", False),
        ("team/child@0.1.0", "revision", True),
    ]
    assert done.json()["hidden"] == 0
    for path, ref in ((PARENT, "1.0.0"), (CHILD, "0.1.0")):
        commit = parent.commit_id if path == PARENT else child.commit_id
        for rest in (f"files/{ref}/README.md", f"files/{commit}/README.md", f"revisions/{commit}", "badge.svg?set=a/b"):
            answer = anybody.get(f"{path}/{rest}")
            assert answer.status_code == (404 if rest.startswith("badge") else 410), (path, rest)
        assert anybody.get(path).json()["versions"] == []
        for name in (f"{path.removeprefix(f'{API}/adapters/')}@{ref}", path.removeprefix(f"{API}/adapters/")):
            refusal = anybody.post(f"{API}/resolve", {"adapter": name})
            assert_error(refusal, 410, "withdrawn")
            assert "its data may not be used" in refusal.json()["detail"]
    assert weights in refusal.json()["digests"]
    assert anybody.get(f"{API}/adapters").json()["results"] == []
    for page in ("/lab/parent", "/lab/parent/versions/1.0.0", "/team/child"):
        shown = anybody.get(page)
        assert shown.status_code in (200, 410)
        assert "its data may not be used" in shown.content.decode()
        assert "adapter_model.safetensors" not in shown.content.decode()


def test_the_lineage_names_both_sides_with_weights_and_digests(owner, parent, child):
    up = client_of(None).get(f"{CHILD}/lineage").json()
    assert [row["adapter"] for row in up["ancestors"]] == ["lab/parent"]
    assert up["steps"][0] | {"derivation": 0} == {
        "commit_id": parent.commit_id,
        "made": child.commit_id,
        "derivation": 0,
        "kind": "merge",
        "role": "member",
        "weight": 0.5,
        "digests": dict(parent.files.values_list("path", "blob_id")),
    }
    down = client_of(None).get(f"{PARENT}/lineage?version=1.0.0").json()
    assert [(row["adapter"], row["state"]) for row in down["descendants"]] == [("team/child", "published")]
    assert (down["ancestors"], down["hidden_descendants"], down["bases"]) == ([], 0, [])
    client_of(owner).post(f"{PARENT}/versions/1.0.0/withdraw", WHY | {"derived": "flag"})
    flagged = client_of(None).get(f"{CHILD}/lineage").json()["ancestors"][0]
    assert (flagged["state"], flagged["withdrawn"]["reason"]) == ("withdrawn", WHY["reason"])
    page = client_of(None).get("/team/child").content.decode()
    assert "lab/parent" in page
    assert WHY["reason"] in page


def test_others_private_work_is_counted_and_not_named(owner, parent, tmp_path):
    secret = make_user("secret")
    make_namespace(secret, "hidden")
    publish_merge(secret, "hidden/merge", parent, folder=tmp_path, visibility="private")
    shown = client_of(owner).get(f"{PARENT}/lineage").json()
    assert (shown["descendants"], shown["hidden_descendants"], shown["steps"]) == ([], 1, [])
    done = client_of(owner).post(f"{PARENT}/withdraw", WHY).json()
    assert ([row["name"] for row in done["withdrawn"]], done["hidden"]) == (["lab/parent@1.0.0"], 1)
    assert "hidden" not in str(done["withdrawn"])


def test_a_cache_asks_about_digests_and_nobody_else_learns_from_it(owner, parent):
    weights = parent.files.get(path="adapter_model.safetensors").blob_id
    ask = {"sha256": [weights, "0" * 64]}
    assert client_of(None).post(f"{API}/withdrawn-digests", ask).json() == {"withdrawn": []}
    client_of(owner).post(f"{PARENT}/withdraw", WHY)
    (line,) = client_of(None).post(f"{API}/withdrawn-digests", ask).json()["withdrawn"]
    assert (line["sha256"], line["name"], line["reason"]) == (weights, "lab/parent@1.0.0", WHY["reason"])
    client_of(owner).patch(PARENT, {"visibility": "private"})
    assert client_of(None).post(f"{API}/withdrawn-digests", ask).json() == {"withdrawn": []}
    assert_error(client_of(None).post(f"{API}/withdrawn-digests", {"sha256": ["x"]}), 400, "invalid_input")


def test_owners_alone_withdraw_and_give_a_reason(owner, parent):
    assert_error(client_of(make_user("stranger")).post(f"{PARENT}/withdraw", WHY), 403, "not_permitted")
    assert_error(client_of(None).post(f"{PARENT}/withdraw", WHY), 401, "token_missing")
    assert_error(client_of(owner).post(f"{PARENT}/withdraw", {}), 400, "invalid_input")
    assert_error(client_of(owner).post(f"{PARENT}/withdraw", WHY | {"derived": "keep"}), 400, "invalid_input")
    assert client_of(None).get(PARENT).json()["versions"] == ["1.0.0"]


def test_a_withdrawn_basis_says_so_and_its_digests_are_taken_back(owner, parent, tmp_path):
    basis = hold_basis(owner, make_base(owner), tmp_path, fitted=[parent], projected=[])
    digests = [basis.blob_id, basis.fits.get().blob_id]
    file = f"{API}/families/lab/family/bases/1/file"
    assert client_of(None).get(file).status_code == 200
    done = client_of(owner).post(f"{PARENT}/versions/1.0.0/withdraw", WHY).json()
    assert [row["name"] for row in done["withdrawn"]] == ["lab/parent@1.0.0", "lab/family@1"]
    for path in (
        file,
        f"{API}/families/lab/family/plan?basis=1",
        f"{API}/adapters/lab/parent/compressed?version=1.0.0",
    ):
        refusal = client_of(None).get(path)
        assert_error(refusal, 410, "withdrawn")
        assert WHY["reason"] in refusal.json()["detail"]
    taken_back = client_of(None).post(f"{API}/withdrawn-digests", {"sha256": digests}).json()["withdrawn"]
    assert {line["sha256"] for line in taken_back} == set(digests)
    assert {line["name"] for line in taken_back} == {"lab/family@1"}
