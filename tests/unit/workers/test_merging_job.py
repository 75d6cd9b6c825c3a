"""From a request to a merge to a draft with its lineage, computed by a real child."""

import json
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.adapters.models import Adapter, Revision
from catalog.derivations.merging import AskedMerge, request_merge, request_preview
from catalog.derivations.models import Derivation
from catalog.derivations.reproducing import request_reproduction
from catalog.derivations.targets import Target
from catalog.jobs.models import Job, JobState
from catalog.jobs.services import cancel
from catalog.store import blob_store
from tests.unit.catalog.factories import (
    PROJECTION,
    WIDTH,
    lora_files,
    make_base,
    make_namespace,
    make_user,
    push,
    safetensors,
)
from workers.supervisor import supervise

torch = pytest.importorskip("torch", reason="merging is done with torch")
pytestmark = pytest.mark.django_db(transaction=True)
HEAD = "base_model.model.classifier.weight"


@pytest.fixture
def owner() -> User:
    """The owner of ``lab``, where nothing needs a review."""
    owner = make_user("owner", is_admin=True)
    make_namespace(owner, is_review_required=False)
    make_base(owner)
    return owner


def published(owner: User, name: str, files: dict[str, bytes] | None = None, **options: Any) -> Revision:
    """A revision that a real validation accepted."""
    revision = push(owner, files or lora_files(**options), f"lab/{name}", version="1.0.0")
    while supervise(queue="cpu"):
        pass
    revision.refresh_from_db()
    assert revision.state == "published", revision.report
    return revision


def with_head(seed: int, *, rank: int = 4, head_seed: int = 1) -> dict[str, bytes]:
    """A LoRA whose file keeps a classifier in full."""
    files = lora_files(rank=rank, seed=seed, task_type="SEQ_CLS", modules_to_save=["classifier"])
    tensors: dict[str, tuple[int, ...]] = {
        f"base_model.model.{PROJECTION}.lora_A.weight": (rank, WIDTH),
        f"base_model.model.{PROJECTION}.lora_B.weight": (WIDTH, rank),
        HEAD: (2, WIDTH),
    }
    whole = safetensors(tensors, seed=seed)
    # The head is the last in the file: its bytes come from another seed.
    size = 4 * 2 * WIDTH
    return files | {
        "adapter_model.safetensors": whole[:-size] + safetensors({HEAD: (2, WIDTH)}, seed=head_seed)[-size:]
    }


def merged(owner: User, asked: AskedMerge, target: str = "lab/merged", **details: str) -> tuple[Derivation, Job]:
    """Ask, let the workers work, and read what came of it."""
    derivation = request_merge(owner, asked, Target(target, **details))
    assert supervise(queue="gpu")
    derivation.refresh_from_db()
    job = derivation.job
    assert job is not None
    job.refresh_from_db()
    return derivation, job


def tensors_of(revision: Revision, path: str = "adapter_model.safetensors") -> dict[str, Any]:
    """The tensors of a stored file."""
    from safetensors.torch import load

    return load(b"".join(blob_store().read(revision.files.get(path=path).blob_id)))


def text_of(revision: Revision, path: str) -> str:
    return b"".join(blob_store().read(revision.files.get(path=path).blob_id)).decode()


def update_of(revision: Revision) -> Any:
    """The dense update of the one module, scale included."""
    tensors, config = tensors_of(revision), json.loads(text_of(revision, "adapter_config.json"))
    A, B = (tensors[f"base_model.model.{PROJECTION}.lora_{half}.weight"].double() for half in "AB")
    return config["lora_alpha"] / config["r"] * B @ A


def test_a_merge_is_the_weighted_sum_and_a_draft_with_its_lineage(owner):
    one, two = published(owner, "one", seed=1), published(owner, "two", seed=2, rank=6)
    asked = AskedMerge([("lab/one", 0.5), ("lab/two@1.0.0", -2.0)])
    derivation, job = merged(owner, asked, version="2.0.0")
    assert (job.state, derivation.state) == (JobState.SUCCEEDED, "made"), job.error
    made = derivation.revision
    assert made is not None
    assert torch.allclose(update_of(made), 0.5 * update_of(one) - 2.0 * update_of(two), atol=1e-6)
    assert [(str(row), row.weight) for row in derivation.parents.all()] == [
        ("lab/one@1.0.0", 0.5),
        ("lab/two@1.0.0", -2.0),
    ]
    assert derivation.parents.get(place=1).digests == dict(two.files.values_list("path", "blob_id"))
    assert derivation.made_with["torch"] == torch.__version__
    assert derivation.report["modules"][PROJECTION]["rank"] == 10
    card = text_of(made, "README.md")
    assert one.commit_id in card
    assert two.commit_id in card
    assert (made.license, made.languages) == ("MIT", ["de"])
    # It goes the way of every push: validated, and published where nobody reviews.
    assert job.result is not None
    assert job.result["job"] == str(made.validation_job_id)
    assert supervise(queue="cpu")
    made.refresh_from_db()
    assert (made.state, made.version.name) == ("published", "2.0.0"), made.report


def test_heads_are_kept_from_the_parent_that_is_named_and_never_averaged(owner):
    one = published(owner, "one", with_head(1, head_seed=3))
    published(owner, "two", with_head(2, head_seed=5))
    asked = AskedMerge([("lab/one", 1.0), ("lab/two", 1.0)], heads="lab/one")
    derivation, job = merged(owner, asked)
    assert job.state == JobState.SUCCEEDED, job.error
    made = derivation.revision
    assert made is not None
    assert torch.equal(tensors_of(made)[HEAD], tensors_of(one)[HEAD])
    fates = {row["adapter"]: row["fate"] for row in derivation.report["heads"]}
    assert fates == {
        "lab/one@1.0.0": "kept as it was",
        "lab/two@1.0.0": "left out, and another than what was kept",
    }
    assert "lab/two@1.0.0: classifier stored in full, left out" in text_of(made, "README.md")
    assert derivation.recipe["heads"] == "lab/one@1.0.0"
    assert json.loads(text_of(made, "adapter_config.json"))["modules_to_save"] == ["classifier"]
    assert supervise(queue="cpu")
    made.refresh_from_db()
    assert made.state == "published", made.report
    assert made.facts["heads"] == one.facts["heads"]


def test_a_look_tells_norms_conflicts_and_heads_and_makes_nothing(owner):
    published(owner, "one", with_head(1))
    published(owner, "two", with_head(2))
    job = request_preview(owner, AskedMerge([("lab/one", 1.0), ("lab/two", 1.0)]))
    assert supervise(queue="gpu")
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    seen = job.result
    assert seen is not None
    assert [row["name"] for row in seen["parents"]] == ["lab/one@1.0.0", "lab/two@1.0.0"]
    assert all(row["norm"] > 0 for row in seen["parents"])
    assert seen["cosines"][0][0] == pytest.approx(1)
    assert -1 <= seen["cosines"][0][1] <= 1
    assert 0 <= seen["sign_conflict"] <= 0.5
    assert "classifier of lab/one@1.0.0" in seen["refusals"][0]
    assert list(seen["modules"]) == [PROJECTION]
    assert not Derivation.objects.exists()
    assert not Adapter.objects.filter(name="merged").exists()


def test_what_was_merged_comes_out_the_same_again(owner):
    published(owner, "one", seed=1)
    published(owner, "two", seed=2)
    asked = AskedMerge(
        [("lab/one", 1.0), ("lab/two", 1.0)], method="dare_ties_svd", settings={"density": 0.5, "rank": 3, "seed": 7}
    )
    derivation, job = merged(owner, asked)
    assert job.state == JobState.SUCCEEDED, job.error
    again = request_reproduction(owner, derivation)
    while supervise(queue="gpu"):
        pass
    again.refresh_from_db()
    assert again.state == JobState.SUCCEEDED, again.error
    assert again.result is not None
    assert (again.result["is_same"], again.result["largest_difference"], again.result["changed"]) == (True, 0.0, [])
    assert {row["path"] for row in again.result["files"]} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    # With another recipe the digests differ, and the job says so.
    derivation.recipe["seed"] = 8
    derivation.save()
    other = request_reproduction(owner, derivation)
    while supervise(queue="gpu"):
        pass
    other.refresh_from_db()
    assert other.result is not None
    assert other.result["is_same"] is False
    assert other.result["largest_difference"] > 0


@pytest.mark.literature("MerA")
def test_adapters_that_differ_by_a_rotation_alone_are_aligned_before_they_are_merged(owner):
    one = published(owner, "one", seed=1)
    tensors = tensors_of(one)
    name = f"base_model.model.{PROJECTION}.lora_{{}}.weight"
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(3))).Q
    from safetensors.torch import save

    turned = {name.format("A"): turn.T @ tensors[name.format("A")], name.format("B"): tensors[name.format("B")] @ turn}
    published(owner, "turned", lora_files() | {"adapter_model.safetensors": save(turned, {"format": "pt"})})
    asked = AskedMerge([("lab/one", 0.5), ("lab/turned", 0.5)], method="mera", settings={"alignment": "rotation"})
    derivation, job = merged(owner, asked)
    assert job.state == JobState.SUCCEEDED, job.error
    assert derivation.revision is not None
    assert torch.allclose(update_of(derivation.revision), update_of(one), atol=1e-5)
    assert [str(parent) for parent in derivation.parents.all()] == ["lab/one@1.0.0", "lab/turned@1.0.0"]


def test_a_merge_that_would_change_nothing_leaves_nothing(owner):
    published(owner, "one", seed=1)
    derivation, job = merged(owner, AskedMerge([("lab/one", 0.0)]))
    assert (job.state, job.error["code"]) == (JobState.FAILED, "changes_nothing")
    assert (derivation.state, derivation.error["code"]) == ("failed", "changes_nothing")
    assert not derivation.target.revisions.exists()


def test_files_that_hold_more_than_low_rank_pairs_are_refused_by_the_job_too(owner):
    dora: dict[str, tuple[int, ...]] = {
        f"base_model.model.{PROJECTION}.lora_A.weight": (4, WIDTH),
        f"base_model.model.{PROJECTION}.lora_B.weight": (WIDTH, 4),
        f"base_model.model.{PROJECTION}.lora_magnitude_vector": (WIDTH,),
    }
    files = lora_files(use_dora=True) | {"adapter_model.safetensors": safetensors(dora)}
    revision = published(owner, "dora", files)
    # The facts are what validation found; a fault there must not let it pass.
    revision.facts = {**revision.facts, "method": "lora", "options": []}
    revision.save()
    derivation, job = merged(owner, AskedMerge([("lab/dora", 1.0)]))
    assert (job.state, job.error["code"]) == (JobState.FAILED, "not_low_rank"), job.error
    assert not derivation.target.revisions.exists()


def test_a_cancelled_merge_leaves_no_half_artefact(owner):
    published(owner, "one", seed=1)
    derivation = request_merge(owner, AskedMerge([("lab/one", 1.0)]), Target("lab/merged"))
    assert derivation.job is not None
    cancel(owner, derivation.job)
    while supervise(queue="gpu"):
        pass
    derivation.refresh_from_db()
    derivation.job.refresh_from_db()
    assert (derivation.job.state, derivation.state) == (JobState.CANCELLED, "failed")
    assert derivation.error["code"] == "cancelled"
    assert not derivation.target.revisions.exists()
    assert not list(blob_store().staged())
