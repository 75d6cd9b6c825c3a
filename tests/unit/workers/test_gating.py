"""The quality gate and projection: what is measured before a basis is pulled from, and where a new version goes."""

import os
from pathlib import Path
from typing import Any

import pytest

from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, record_verdict
from catalog.evaluations.answers import pack, unpack
from catalog.evaluations.models import Evaluation, Predictions
from catalog.evaluations.requesting import request_evaluations
from catalog.families.members import add_members
from catalog.families.models import Basis, BasisState, Family, FitState
from catalog.families.requesting import request_basis
from catalog.families.services import create_family
from catalog.jobs.models import Job, JobState
from tests.unit.catalog.evaluating import json_lines, make_set
from tests.unit.catalog.factories import make_base, make_namespace, make_user, push
from tests.unit.catalog.families import inspected, make_wide_base, publish_member
from tests.unit.catalog.families import make_family as make_wide_family
from tests.unit.workers.small_models import make_adapter, sentences
from tests.unit.workers.small_models import make_base as make_small_model
from workers.supervisor import supervise

pytest.importorskip("torch", reason="families are fitted with torch")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_model(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def base(settings, weights, tmp_path):
    """A registered base model whose weights this worker has."""
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    base = make_base(owner)
    base.config = None
    base.save()
    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path)
    place = tmp_path / base.name
    place.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(weights, place)
    return base


def member(base, weights: Path, folder: Path, seed: int, *, version: str = "1.0.0", name: str = "") -> str:
    """A published classifier of the small model; its adapter's name."""
    made = make_adapter(weights, folder / f"{seed}-{version}", seed=seed)
    files = {path.name: path.read_bytes() for path in made.iterdir()}
    name = name or f"lab/mood-{seed}"
    found = inspected(files)
    revision = record_verdict(push(base.created_by, files, name, version=version), inspection=found, base=base)
    if revision.state == "pending":
        publish_revision(revision, actor=base.created_by)
    Job.objects.filter(kind="validate_revision").delete()
    return name


@pytest.fixture
def measured_family(base, weights, tmp_path) -> Family:
    """Three members, two of them with a score on a set of twenty rows."""
    names = [member(base, weights, tmp_path, seed) for seed in (1, 2, 3)]
    rows = {"test": json_lines(sentences(20)), "train": json_lines(sentences(40, seed=1))}
    make_set(base.created_by, files=rows)
    request_evaluations(base.created_by, adapters=names[:2], evaluation_set="lab/mood", settings={"efficiency": False})
    assert supervise(queue="gpu")
    family = create_family(base.created_by, full_name="lab/moods", base_model=base.name)
    add_members(base.created_by, family, names)
    return family


def compressed(family: Family, **options: Any) -> Basis:
    """The next basis after its first job."""
    basis = request_basis(family.created_by, family, options=options)
    assert supervise(queue="cpu")
    basis.refresh_from_db()
    return basis


def test_members_with_scores_are_measured_before_anything_is_pulled(measured_family):
    basis = compressed(measured_family, rank=12, largest_drop=0.0, most_negative_flips=0.0)
    assert basis.state == BasisState.WAITING
    [job] = Job.objects.filter(kind="gate_basis")
    assert supervise(queue="gpu")
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    basis.refresh_from_db()
    assert basis.state == BasisState.READY, basis.error
    fits = {fit.revision.adapter.name: fit for fit in basis.fits.select_related("revision__adapter")}
    assert fits["mood-3"].scores == []
    for name in ("mood-1", "mood-2"):
        [score] = fits[name].scores
        assert (score["evaluation_set"], score["metric"], score["rows"]) == ("lab/mood", "accuracy", 20)
        # At the sum of all ranks a member is itself, up to half precision.
        assert score["after"] == score["before"]
        assert (score["change"], score["flipped"]) == (0.0, 0.0)
        assert fits[name].state == FitState.COMPRESSED


def test_a_member_whose_answers_turn_wrong_stays_uncompressed(measured_family):
    perfect = Evaluation.objects.get(revision__adapter__name="mood-1")
    deflated, _ = pack({**unpack(bytes(perfect.predictions.deflated)), "right": [1] * 20})
    Predictions.objects.filter(evaluation=perfect).update(deflated=deflated)
    Evaluation.objects.filter(pk=perfect.pk).update(score=1.0)
    basis = compressed(measured_family, rank=12, most_negative_flips=0.1, largest_drop=0.5)
    assert supervise(queue="gpu")
    basis.refresh_from_db()
    assert basis.state == BasisState.READY
    fits = {fit.revision.adapter.name: fit for fit in basis.fits.select_related("revision__adapter")}
    [score] = fits["mood-1"].scores
    assert score["negative_flips"] == pytest.approx(1.0 - score["after"])
    assert (fits["mood-1"].state, fits["mood-1"].blob) == (FitState.UNCOMPRESSED, None)
    assert "turned wrong, more than the limit 0.1" in fits["mood-1"].reason
    assert [fits[name].state for name in ("mood-2", "mood-3")] == [FitState.COMPRESSED] * 2


def test_a_score_that_comes_later_is_repeated_on_the_compressed_form(measured_family):
    basis = compressed(measured_family, rank=12)
    while supervise(queue="gpu"):
        pass
    owner = measured_family.created_by
    names = ["lab/mood-1", "lab/mood-3"]
    request_evaluations(owner, adapters=names, evaluation_set="lab/mood", settings={"efficiency": False})
    while supervise(queue="gpu"):
        pass
    basis.refresh_from_db()
    assert basis.state == BasisState.READY
    fit = basis.fits.get(revision__adapter__name="mood-3")
    [score] = fit.scores
    assert (score["evaluation_set"], score["change"], fit.state) == ("lab/mood", 0.0, FitState.COMPRESSED)
    # Those that were measured before the basis was given out are not measured again.
    assert [len(job.payload["fits"]) for job in Job.objects.filter(kind="gate_basis").order_by("created_at")] == [2, 1]


def test_a_late_gate_that_cannot_measure_keeps_the_basis_and_gives_the_member_out_whole(
    measured_family, settings, tmp_path
):
    basis = compressed(measured_family, rank=12)
    while supervise(queue="gpu"):
        pass
    request_evaluations(
        measured_family.created_by,
        adapters=["lab/mood-3"],
        evaluation_set="lab/mood",
        settings={"efficiency": False},
    )
    assert supervise(queue="gpu"), "the evaluation"
    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path / "elsewhere")
    assert supervise(queue="gpu"), "the gate"
    basis.refresh_from_db()
    assert basis.state == BasisState.READY
    fits = {fit.revision.adapter.name: fit for fit in basis.fits.select_related("revision__adapter")}
    assert (fits["mood-3"].state, fits["mood-3"].blob) == (FitState.UNCOMPRESSED, None)
    assert "it could not be measured" in fits["mood-3"].reason
    assert [fits[name].state for name in ("mood-1", "mood-2")] == [FitState.COMPRESSED] * 2


def test_a_gate_that_cannot_measure_fails_the_basis_and_leaves_nothing(measured_family, settings, tmp_path):
    basis = compressed(measured_family, rank=12)
    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path / "elsewhere")
    assert supervise(queue="gpu")
    basis.refresh_from_db()
    assert basis.state == BasisState.FAILED
    assert basis.error is not None
    assert basis.error["code"] == "base_weights_missing"
    assert not basis.fits.exists()


@pytest.mark.literature("Compress then Serve")
def test_a_new_version_is_projected_and_one_unlike_the_others_waits_for_a_refit():
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    family = make_wide_family(owner)
    basis = compressed(family, rank=8, member_error=0.3)
    wide = make_wide_base(owner)
    near = publish_member(owner, wide, "lab/member-1", seed=11, version="2.0.0")
    [job] = Job.objects.filter(kind="project_revision")
    assert supervise(queue="cpu")
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    fit = basis.fits.get(revision=near)
    assert (fit.state, fit.is_projected) == (FitState.COMPRESSED, True)
    assert 0 < fit.relative_squared_error < 0.3
    far = publish_member(owner, wide, "lab/member-2", _unlike_the_others(), version="2.0.0")
    assert supervise(queue="cpu")
    fit = basis.fits.get(revision=far)
    assert (fit.state, fit.blob) == (FitState.WAITING, None)
    assert "over the limit" in fit.reason
    refitted = compressed(family, rank=12, member_error=0.6)
    assert refitted.number == basis.number + 1
    assert set(refitted.fits.values_list("revision_id", flat=True)) >= {near.pk, far.pk}
    family.refresh_from_db()
    assert family.current == refitted


def test_enough_waiting_members_ask_for_the_next_basis_by_themselves():
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    family = make_wide_family(owner, options={"rank": 8, "member_error": 0.3, "refit_after": 1})
    compressed(family)
    publish_member(owner, make_wide_base(owner), "lab/member-2", _unlike_the_others(), version="2.0.0")
    assert supervise(queue="cpu")
    waiting = Basis.objects.get(state=BasisState.WAITING)
    assert (waiting.number, waiting.reason) == (2, "1 members waited for it")


@pytest.mark.parametrize(
    ("own", "method"),
    [({"rank": 6, "member_rank": 4}, "jd_diag"), ({"method": "clustered", "rank": 6, "clusters": 2}, "jd_full")],
)
def test_another_method_drops_the_settings_of_the_family_that_it_does_not_know(own, method):
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    family = make_wide_family(owner, options=own)
    options = request_basis(owner, family, options={"method": method}).recipe["options"]
    assert (options["method"], options["rank"]) == (method, 6)


def test_a_refit_by_the_hub_itself_is_made_as_the_basis_before():
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    family = make_wide_family(owner)
    compressed(family, method="clustered", rank=6, clusters=3, dtype="float32")
    remaining = family.members.order_by("pk")[:2]
    family.members.exclude(pk__in=[member.pk for member in remaining]).delete()
    again = request_basis(None, family, reason="without one")
    options = again.recipe["options"]
    assert {name: options[name] for name in ("method", "rank", "clusters", "dtype", "error")} == {
        "method": "clustered",
        "rank": 6,
        "clusters": 2,
        "dtype": "float32",
        "error": None,
    }


def test_an_adapter_that_the_rule_chooses_joins_and_is_projected_when_it_is_published():
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    family = make_wide_family(owner, rule={"method": "lora"})
    basis = compressed(family, rank=8)
    fresh = publish_member(owner, make_wide_base(owner), "lab/late", seed=5)
    assert supervise(queue="cpu")
    assert basis.fits.get(revision=fresh).is_projected
    assert Revision.objects.filter(fits__basis=basis).count() == 5


def _unlike_the_others() -> dict[str, bytes]:
    """A member outside the subspace that the others share."""
    import torch
    from safetensors.torch import load, save

    from tests.unit.catalog.families import family_files

    files = family_files(21)
    drawn = torch.Generator().manual_seed(5)
    tensors = load(files["adapter_model.safetensors"])
    tensors = {name: torch.randn(values.shape, generator=drawn) for name, values in tensors.items()}
    return {**files, "adapter_model.safetensors": save(tensors, metadata={"format": "pt"})}
