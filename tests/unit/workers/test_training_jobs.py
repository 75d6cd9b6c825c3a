"""From a request to a trained draft with its lineage, computed by a real child on small models."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.bases.services import register_base
from catalog.derivations.adapting import request_adaptation
from catalog.derivations.models import Derivation
from catalog.derivations.reproducing import request_reproduction
from catalog.derivations.transferring import request_transfer
from catalog.evaluations.requesting import request_evaluations
from catalog.families.members import add_members
from catalog.families.requesting import request_basis
from catalog.families.services import create_family
from catalog.jobs.models import Job, JobState
from catalog.jobs.services import cancel
from catalog.removals.withdrawing import delete_adapter
from catalog.store import blob_store
from catalog.uploads.metadata import Metadata
from tests.unit.catalog.evaluating import LABELS, json_lines, make_set
from tests.unit.catalog.factories import make_namespace, make_user, push
from tests.unit.workers.small_models import make_base
from tests.unit.workers.training_jobs import short_sentences, sides_of, train_member
from workers.supervisor import supervise

torch = pytest.importorskip("torch", reason="training runs on torch")
pytestmark = pytest.mark.django_db(transaction=True)
QUICK: dict[str, Any] = {"rank": 4, "epochs": 2, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two base models and two adapters of the first."""
    room = tmp_path_factory.mktemp("models")
    old, new = make_base(room / "old"), make_base(room / "new", seed=5, intermediate=48)
    members = {f"a{seed}": train_member(old, room / f"a{seed}", seed=seed, steps=8) for seed in (1, 2)}
    return {"tiny/bert": old, "tiny/other": new, **members}


@pytest.fixture
def owner(settings: Any, models: dict[str, Path], tmp_path: Path) -> User:
    """The owner of ``lab``, where nothing needs a review, with both base models on this worker and a set."""
    owner = make_user("owner", is_admin=True)
    make_namespace(owner, is_review_required=False)
    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path)
    (tmp_path / "tiny").mkdir()
    for name in ("tiny/bert", "tiny/other"):
        os.symlink(models[name], tmp_path / name)
        register_base(owner, name=name, shapes=shapes_of(models[name]))
    rows = {"train": json_lines(short_sentences(48, seed=3)), "test": json_lines(short_sentences(20, seed=4))}
    make_set(owner, files=rows)
    return owner


@pytest.fixture
def members(owner: User, models: dict[str, Path]) -> list[Revision]:
    """Both adapters, pushed and accepted by a real validation."""
    found = [
        push(
            owner,
            {path.name: path.read_bytes() for path in models[name].iterdir() if path.name != "README.md"},
            f"lab/{name}",
            version="1.0.0",
            metadata=Metadata(base="tiny/bert"),
        )
        for name in ("a1", "a2")
    ]
    while supervise(queue="cpu"):
        pass
    for revision in found:
        revision.refresh_from_db()
        assert revision.state == "published", revision.report
    return found


def shapes_of(folder: Path) -> dict[str, list[int]]:
    """The shape of every tensor of a saved model."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="pt") as opened:
        return {name: list(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118


def ended(derivation: Derivation) -> tuple[Derivation, Job]:
    """The derivation and its job after the workers have worked."""
    while supervise(queue="gpu"):
        pass
    derivation.refresh_from_db()
    job = derivation.job
    assert job is not None
    job.refresh_from_db()
    return derivation, job


def reproduced(owner: User, derivation: Derivation) -> dict[str, Any]:
    """What comes of training it again."""
    job = request_reproduction(owner, derivation)
    while supervise(queue="gpu"):
        pass
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    return dict(job.result or {})


def adapted(owner: User, **body: Any) -> Derivation:
    asked = {"adapter": "lab/learnt", "members": ["lab/a1", "lab/a2"], "evaluation_set": "lab/mood", "settings": QUICK}
    return request_adaptation(owner, **(asked | body))


@pytest.mark.literature("EigenLoRAx")
def test_an_adaptation_becomes_a_published_lora_with_its_comparison_and_lineage(owner, members):
    derivation, job = ended(adapted(owner, version="1.0.0"))
    assert job.state == JobState.SUCCEEDED, job.error
    made = derivation.revision
    assert [str(parent) for parent in derivation.parents.all()] == ["lab/a1@1.0.0", "lab/a2@1.0.0"]
    sides = sides_of(derivation.report)
    assert set(sides) == {"coefficients", "full_lora", "base_alone"}
    assert sides["coefficients"]["trained_parameters"] < sides["full_lora"]["trained_parameters"]
    assert derivation.made_with["device"] == "cpu"
    # It goes the way of every push.
    assert job.result["job"] == str(made.validation_job_id)
    assert supervise(queue="cpu")
    made.refresh_from_db()
    assert (made.state, made.version.name) == ("published", "1.0.0"), made.report
    assert (made.facts["method"], made.facts["rank"]) == ("lora", 4)
    assert str(made.base_model) == "tiny/bert"
    card = b"".join(blob_store().read(made.files.get(path="README.md").blob_id)).decode()
    assert "lab/a2@1.0.0" in card
    assert f"{sides['coefficients']['score']:.4f}" in card
    names = json.loads(b"".join(blob_store().read(made.files.get(path="head_config.json").blob_id)))
    assert list(names["id2label"].values()) == LABELS
    measured = request_evaluations(
        owner, adapters=["lab/learnt"], evaluation_set="lab/mood", settings={"efficiency": False}
    ).evaluations[0]
    while supervise(queue="gpu"):
        pass
    measured.refresh_from_db()
    assert measured.score == sides["coefficients"]["score"], measured.error
    again = reproduced(owner, derivation)
    assert (again["is_same"], again["largest_difference"], again["changed"]) == (True, 0.0, [])
    assert {row["path"] for row in again["files"]} >= {"README.md", "head_config.json", "adapter_model.safetensors"}


def test_a_familys_basis_gives_the_directions_and_what_it_was_fitted_to_is_the_lineage(owner, members):
    family = create_family(owner, full_name="lab/moods", base_model="tiny/bert")
    add_members(owner, family, ["lab/a1", "lab/a2"])
    basis = request_basis(owner, family, options={"method": "eigenlorax", "rank": 5})
    while supervise(queue="cpu"):
        pass
    basis.refresh_from_db()
    assert basis.state == "ready", basis.error
    derivation, job = ended(adapted(owner, members=[], family="lab/moods"))
    assert job.state == JobState.SUCCEEDED, job.error
    assert derivation.recipe["basis"] == "lab/moods@1"
    assert derivation.recipe["basis_digest"] == basis.blob_id
    assert {parent.full_name for parent in derivation.parents.all()} == {"lab/a1", "lab/a2"}
    trained = sides_of(derivation.report)["coefficients"]["trained_parameters"]
    assert trained == derivation.report["subspace"]["modules"] * 2 * 5 * QUICK["rank"]
    # Whoever asks for other directions gets them from the members.
    other = adapted(owner, members=[], family="lab/moods", settings=QUICK | {"components": 3})
    assert "basis" not in other.recipe


def test_a_transfer_becomes_an_adapter_of_the_other_base_model_that_says_it_is_experimental(owner, members):
    derivation, job = ended(
        request_transfer(
            owner,
            adapter="lab/moved",
            source="lab/a1",
            base_model="tiny/other",
            text_set="lab/mood",
            evaluation_set="lab/mood",
            settings=QUICK | {"target_modules": ["query", "value"]},
        )
    )
    assert job.state == JobState.SUCCEEDED, job.error
    assert set(sides_of(derivation.report)) == {"teacher", "student", "student_base_alone"}
    assert supervise(queue="cpu")
    made = derivation.revision
    made.refresh_from_db()
    assert made.state == "published", made.report
    assert str(made.base_model) == "tiny/other"
    assert "Experimental" in made.card
    assert reproduced(owner, derivation)["is_same"] is True
    assert derivation.made_with["old_base_weights_digest"] != derivation.made_with["base_weights_digest"]


def test_a_cancelled_training_leaves_no_half_artefact(owner, members):
    derivation = adapted(owner)
    cancel(owner, derivation.job)
    derivation, job = ended(derivation)
    assert (job.state, derivation.state, derivation.error["code"]) == (JobState.CANCELLED, "failed", "cancelled")
    assert not derivation.target.revisions.exists()
    assert not list(blob_store().staged())


def test_a_member_that_vanishes_before_the_job_ends_it_with_its_name(owner, members):
    derivation = adapted(owner)
    delete_adapter(owner, members[1].adapter)
    derivation, job = ended(derivation)
    assert (job.state, job.error["code"]) == (JobState.FAILED, "parent_gone")
    assert "lab/a2@1.0.0" in job.error["detail"]
    assert not derivation.target.revisions.exists()


def test_without_the_base_models_weights_the_job_says_where_they_belong(owner, members, settings, monkeypatch):
    settings.HUB_BASE_WEIGHTS_DIR = ""
    monkeypatch.setattr("workers.base_weights._in_the_cache", lambda base: None)
    _, job = ended(adapted(owner))
    assert (job.state, job.error["code"]) == (JobState.FAILED, "base_weights_missing")


def test_training_has_a_time_limit_of_its_own(owner, members, settings):
    settings.HUB_TRAINING_SECONDS = 0
    derivation, job = ended(adapted(owner))
    assert (job.state, job.error["code"]) == (JobState.FAILED, "resource_limit")
    assert derivation.state == "failed"
