"""From a request to a smaller adapter: each operation by a real child, with its error, its bytes and its heads."""

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.bases.services import register_base
from catalog.derivations.models import Derivation
from catalog.derivations.reducing import request_extraction, request_reduction
from catalog.derivations.reproducing import request_reproduction
from catalog.derivations.targets import Target
from catalog.jobs.models import JobState
from catalog.store import blob_store
from tests.unit.catalog.factories import PROJECTION, WIDTH, make_base, make_namespace, make_user
from tests.unit.workers.test_merging_job import HEAD, published, tensors_of, text_of, update_of, with_head
from workers.supervisor import supervise

torch = pytest.importorskip("torch", reason="reducing is done with torch")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> User:
    """The owner of ``lab``, where nothing needs a review."""
    owner = make_user("owner", is_admin=True)
    make_namespace(owner, is_review_required=False)
    make_base(owner)
    return owner


def reduced(owner: User, operation: str, **wanted: Any) -> Derivation:
    """Ask for ``lab/one`` made smaller, let the workers work, and read what came of it."""
    target = Target(f"lab/{operation}")
    derivation = request_reduction(owner, source="lab/one", operation=operation, settings=wanted, target=target)
    while supervise(queue="gpu"):
        pass
    derivation.refresh_from_db()
    assert derivation.state == "made", derivation.error
    return derivation


def distance(derivation: Derivation, before: Any) -> float:
    """Relative error of the stored update, measured here."""
    assert derivation.revision is not None
    return float(torch.linalg.norm(update_of(derivation.revision) - before) / torch.linalg.norm(before))


@pytest.mark.literature("DyLoRA")
@pytest.mark.literature("LoNAS / Shears / SQFT (LoRA meets NAS)")
@pytest.mark.literature("SparseAdapter")
def test_every_operation_reports_the_error_of_what_it_stored_and_keeps_the_head(owner):
    one = published(owner, "one", with_head(1))
    before, head = update_of(one), tensors_of(one)[HEAD]
    cases: list[tuple[str, dict[str, Any]]] = [
        ("truncate", {"rank": 2}),
        ("subrank", {"ranks": {"*q_proj": 1}}),
        ("shorten", {"rank": 3}),
        ("prune", {"density": 0.5}),
        ("quantise", {"bits": 4, "group_size": 8}),
    ]
    made = [reduced(owner, operation, **wanted) for operation, wanted in cases]
    for derivation in made:
        report = derivation.report
        assert report["relative_error_written"] == pytest.approx(distance(derivation, before), abs=1e-6)
        assert report["relative_error"] == pytest.approx(report["relative_error_written"], abs=1e-4)
        assert torch.equal(tensors_of(derivation.revision)[HEAD], head)
        assert report["heads"][0]["fate"] == "kept as it was"
    ranks = {row.recipe["operation"]: row.report["modules"][PROJECTION]["rank_after"] for row in made}
    assert (ranks["truncate"], ranks["subrank"], ranks["shorten"]) == (2, 1, 3)
    quantised = made[-1].report
    assert quantised["bytes_after"] < quantised["bytes_before"]
    assert quantised["weights_bytes"] > quantised["bytes_after"], "an ordinary LoRA holds its values in full"
    # Each is validated and published as any push.
    while supervise(queue="cpu"):
        pass
    for derivation in made:
        assert derivation.revision is not None
        derivation.revision.refresh_from_db()
        assert derivation.revision.state == "published", derivation.revision.report
    again = request_reproduction(owner, made[-1])
    while supervise(queue="gpu"):
        pass
    again.refresh_from_db()
    assert (again.state, (again.result or {}).get("is_same")) == (JobState.SUCCEEDED, True), again.error


def test_a_size_in_bytes_is_kept_and_a_narrower_type_is_stored(owner):
    published(owner, "one", seed=1)
    derivation = reduced(owner, "truncate", size_bytes=2 * 2 * WIDTH * 3, dtype="float16")
    assert derivation.report["bytes_after"] <= 2 * 2 * WIDTH * 3
    assert derivation.report["dtype"] == "float16"
    assert {tensor.dtype for tensor in tensors_of(derivation.revision).values()} == {torch.float16}


@pytest.mark.literature("SparseAdapter")
@pytest.mark.literature("1-bit adapters (Precision Redundancy)")
@pytest.mark.parametrize(
    ("operation", "wanted"), [("prune", {"density": 0.25}), ("quantise", {"bits": 1, "group_size": 8})]
)
def test_the_packed_form_lies_beside_the_weights_and_reads_the_same(owner, tmp_path, operation, wanted):
    from kernels.reduction import read_packed

    published(owner, "one", seed=1)
    derivation = reduced(owner, operation, is_packed=True, **wanted)
    revision = derivation.revision
    assert revision is not None
    packed = tmp_path / "adapter_packed.safetensors"
    packed.write_bytes(b"".join(blob_store().read(revision.files.get(path=packed.name).blob_id)))
    assert derivation.report["packed_bytes"] == packed.stat().st_size
    assert torch.allclose(read_packed(packed)[PROJECTION].dense().double(), update_of(revision), atol=1e-6)
    assert supervise(queue="cpu")
    revision.refresh_from_db()
    assert revision.state == "published", revision.report
    # What is made of it next does not carry the packed form of its parent.
    target = Target("lab/next")
    following = request_reduction(
        owner, source=f"lab/{operation}", operation="truncate", settings={"rank": 1}, target=target
    )
    while supervise(queue="gpu"):
        pass
    following.refresh_from_db()
    assert following.revision is not None, following.error
    assert not following.revision.files.filter(path=packed.name).exists()


def test_a_pattern_that_no_module_matches_ends_the_job_with_a_code_and_nothing_made(owner):
    published(owner, "one", seed=1)
    derivation = request_reduction(
        owner, source="lab/one", operation="subrank", settings={"ranks": {"*.k_proj": 1}}, target=Target("lab/small")
    )
    while supervise(queue="gpu"):
        pass
    derivation.refresh_from_db()
    assert (derivation.state, derivation.error["code"]) == ("failed", "recipe_refused")
    assert "k_proj" in derivation.error["detail"]
    assert not derivation.target.revisions.exists()


@pytest.fixture
def checkpoints(tmp_path: Path, settings: Any) -> tuple[Any, Any]:
    """A base model's weights on the worker, and those of a model tuned from it by a change of rank 2, with a head."""
    from safetensors.torch import save_file

    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path)
    torch.manual_seed(1)
    weight, change = torch.randn(WIDTH, WIDTH), 0.1 * torch.randn(WIDTH, 2) @ torch.randn(2, WIDTH)
    name = f"{PROJECTION}.weight"
    config = {"model_type": "llama", "architectures": ["LlamaModel"]}
    tuned_config = {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}
    for folder, said in (("tiny/llama", config), ("tiny/tuned", tuned_config)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.json").write_text(json.dumps(said))
    save_file({name: weight, "model.norm.weight": torch.ones(WIDTH)}, tmp_path / "tiny/llama/model.safetensors")
    tuned = {name: weight + change, "model.norm.weight": 2 * torch.ones(WIDTH), "score.weight": torch.randn(2, WIDTH)}
    save_file(tuned, tmp_path / "tiny/tuned/model.safetensors")
    return change, tuned["score.weight"]


def test_a_lora_out_of_a_checkpoint_holds_the_change_and_the_head_and_lists_what_it_leaves_out(owner, checkpoints):
    change, head = checkpoints
    register_base(owner, name="tiny/tuned", shapes={f"{PROJECTION}.weight": [WIDTH, WIDTH]})
    derivation = request_extraction(
        owner, base_model="tiny/llama", tuned_model="tiny/tuned", settings={"rank": 4}, target=Target("lab/tuned")
    )
    while supervise(queue="gpu"):
        pass
    derivation.refresh_from_db()
    assert derivation.state == "made", derivation.error
    assert distance(derivation, change.double()) < 1e-4
    assert torch.equal(tensors_of(derivation.revision)["base_model.model.score.weight"], head)
    assert derivation.report["left_out"] == {"model.norm.weight": "changed, and no linear layer"}
    assert derivation.report["largest_relative_error"] < 1e-4
    assert json.loads(text_of(derivation.revision, "adapter_config.json"))["task_type"] == "SEQ_CLS"
    digests = derivation.made_with["weights_digests"]
    assert digests["base"] != digests["tuned"]
    while supervise(queue="cpu"):
        pass
    assert derivation.revision is not None
    derivation.revision.refresh_from_db()
    assert derivation.revision.state == "published", derivation.revision.report
