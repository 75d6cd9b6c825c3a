"""The job ``compress``: what a family's basis gives back, what it costs, and how it ends when something goes wrong."""

from pathlib import Path
from typing import Any

import pytest

from catalog.adapters.models import File
from catalog.families.models import Basis, BasisPart, BasisState, Fit, FitState
from catalog.families.requesting import request_basis
from catalog.jobs.models import Job, JobState
from catalog.store import blob_store
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.families import D_IN, D_OUT, MODULES, factors, make_family
from workers.supervisor import supervise

torch = pytest.importorskip("torch", reason="families are fitted with torch")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner():
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    return owner


def compressed(owner, family, **options: Any) -> Basis:
    """The next basis, made by a worker."""
    basis = request_basis(owner, family, options=options)
    assert supervise(queue=options.get("queue", "cpu"))
    basis.refresh_from_db()
    return basis


def given_back(basis: Basis, fit: Fit, folder: Path) -> dict[str, Any]:
    """A member's updates, dense, from the bytes in the store alone."""
    from kernels.families.files import read_basis, read_member
    from kernels.families.stored import expand

    assert basis.blob is not None
    assert fit.blob is not None
    for name, digest in (("basis", basis.blob.sha256), ("member", fit.blob.sha256)):
        (folder / f"{name}.safetensors").write_bytes(b"".join(blob_store().read(digest)))
    read = read_basis(folder / "basis.safetensors")
    return {
        name: update.dense() for name, update in expand(read, read_member(folder / "member.safetensors", read)).items()
    }


METHODS = [
    {"method": "jd_full", "rank": 16},
    {"method": "jd_diag", "rank": 32},
    {"method": "clustered", "clusters": 2, "rank": 8},
    pytest.param({"method": "jd_full", "rank": 16, "member_rank": 4}, id="members cut to rank 4"),
    pytest.param({"method": "eigenlorax", "rank": 16}, marks=pytest.mark.literature("EigenLoRAx"), id="eigenlorax"),
    {"method": "individual", "rank": 4},
]


@pytest.mark.parametrize("options", METHODS, ids=lambda options: str(options.get("method")))
def test_every_method_gives_members_back_as_closely_as_it_says(owner, tmp_path, options):
    family = make_family(owner)
    basis = compressed(owner, family, **options)
    assert (basis.state, basis.error) == (BasisState.READY, None)
    family.refresh_from_db()
    assert family.current == basis
    fits = list(basis.fits.select_related("revision__adapter"))
    assert [fit.state for fit in fits] == [FitState.COMPRESSED] * 4
    for fit in fits:
        seed = int(fit.revision.adapter.name[-1])
        missed = total = 0.0
        for module, found in given_back(basis, fit, tmp_path).items():
            A, B = factors(seed, module)
            missed += float((found - B @ A).square().sum())
            total += float((B @ A).square().sum())
        assert missed / total == pytest.approx(fit.relative_squared_error, rel=0.02, abs=1e-6)
        assert fit.relative_squared_error < 0.6
        assert set(fit.module_errors) == set(MODULES)


def test_a_basis_says_how_it_was_made_and_what_it_costs(owner):
    basis = compressed(owner, make_family(owner), rank=8)
    report = basis.report
    stored = basis.size_bytes + sum(fit.size_bytes for fit in basis.fits.all())
    assert report["compressed_bytes"] == stored
    assert report["original_bytes"] == sum(fit.original_bytes for fit in basis.fits.all())
    assert report["members"] == report["compressed_members"] == 4
    assert set(report["modules"]) == set(MODULES)
    assert report["modules"][MODULES[0]]["rank"] == 8
    assert basis.made_with["device"] == "cpu"
    assert basis.made_with["torch"]
    assert len(basis.recipe["members"]) == 4
    assert all(member["digests"]["adapter_model.safetensors"] for member in basis.recipe["members"])
    assert not BasisPart.objects.exists(), "parts are of no use once the basis is there"


def test_the_curve_tells_bytes_and_error_of_other_ranks(owner):
    basis = compressed(owner, make_family(owner), rank=8)
    ranks = [point["rank"] for point in basis.curve]
    assert ranks == [1, 2, 4, 8, 16]
    errors, sizes = [[point[name] for point in basis.curve] for name in ("mean_error", "bytes")]
    assert errors == sorted(errors, reverse=True)
    assert sizes == sorted(sizes)
    assert errors[-1] < 1e-3, "at the sum of all ranks nothing is missed"
    chosen = basis.curve[ranks.index(8)]
    assert chosen["mean_error"] == pytest.approx(
        sum(module["mean_error"] for module in basis.report["modules"].values()) / 4, rel=0.01
    )


def test_an_error_limit_takes_the_smallest_rank_that_keeps_to_it_in_every_module(owner):
    basis = compressed(owner, make_family(owner), error=0.05)
    modules = basis.report["modules"].values()
    assert all(module["mean_error"] <= 0.0501 for module in modules)
    assert all(1 < module["rank"] < 16 for module in modules)


def test_a_byte_budget_is_kept_to_the_byte(owner):
    family = make_family(owner)
    whole = compressed(owner, family, rank=16)
    budget = int(0.8 * whole.report["compressed_bytes"])
    basis = compressed(owner, family, bytes=budget)
    assert budget * 0.7 < basis.report["compressed_bytes"] <= budget
    assert basis.number == 2


def test_a_budget_below_the_smallest_basis_is_refused_and_leaves_nothing(owner):
    basis = compressed(owner, make_family(owner), bytes=100)
    assert basis.state == BasisState.FAILED
    assert basis.error is not None
    assert basis.error["code"] == "budget_too_small"
    assert not basis.fits.exists()


def test_heads_travel_with_the_coefficients_and_count(owner, tmp_path):
    from tests.unit.catalog.families import family_files, make_wide_base, publish_member

    head = torch.arange(3 * D_IN, dtype=torch.float32).reshape(3, D_IN)
    more = {"base_model.model.classifier.weight": head}
    files = family_files(7, more=more, task_type="SEQ_CLS", modules_to_save=["classifier"])
    family = make_family(owner)
    publish_member(owner, make_wide_base(owner), "lab/with-head", files)
    from catalog.families.members import add_members

    add_members(owner, family, ["lab/with-head"])
    basis = compressed(owner, family, rank=8)
    fit = basis.fits.get(revision__adapter__name="with-head")
    others = [other.size_bytes for other in basis.fits.exclude(pk=fit.pk)]
    assert fit.size_bytes >= max(others) + head.numel() * 4

    from kernels.families.files import read_basis, read_member

    given_back(basis, fit, tmp_path)
    member = read_member(tmp_path / "member.safetensors", read_basis(tmp_path / "basis.safetensors"))
    assert torch.equal(member.full["base_model.model.classifier.weight"], head)
    assert member.settings["modules_to_save"] == ["classifier"]


def test_a_member_that_the_basis_misses_too_much_of_stays_as_it_is(owner):
    basis = compressed(owner, make_family(owner), rank=1, member_error=0.2)
    fits = list(basis.fits.all())
    assert {fit.state for fit in fits} == {FitState.UNCOMPRESSED}
    assert all("over the limit 0.2" in fit.reason for fit in fits)
    assert all(fit.blob is None for fit in fits)
    assert basis.state == BasisState.READY


def test_the_same_recipe_gives_the_same_bytes(owner):
    family = make_family(owner)
    first, second = compressed(owner, family, rank=8), compressed(owner, family, rank=8)
    assert first.blob_id == second.blob_id
    assert [fit.blob_id for fit in first.fits.all()] == [fit.blob_id for fit in second.fits.all()]


def test_a_crash_costs_one_group_of_modules_and_no_more(owner, monkeypatch, settings):
    import workers.families.compressing as compressing

    settings.HUB_JOB_MAX_ATTEMPTS = 3
    monkeypatch.setattr(compressing, "_GROUP_BYTES", 1)
    fitted: list[str] = []
    real = compressing.run

    def dies_at_the_third(function: str, argument: Any, *given: Any, **named: Any) -> Any:
        if function.endswith("fit_modules"):
            fitted.extend(module["name"] for module in argument["modules"])
            if len(fitted) == 3:
                function = "tests.unit.workers.child_functions:kill_self"
        return real(function, argument, *given, **named)

    monkeypatch.setattr(compressing, "run", dies_at_the_third)
    family = make_family(owner)
    basis = request_basis(owner, family, options={"rank": 8})
    assert supervise(queue="cpu")
    assert sorted(part.module for part in basis.parts.all()) == sorted(MODULES)[:2]
    Job.objects.update(available_at=basis.created_at)
    assert supervise(queue="cpu")
    basis.refresh_from_db()
    assert (basis.state, basis.error) == (BasisState.READY, None)
    assert fitted == [*sorted(MODULES)[:3], *sorted(MODULES)[2:]], "the finished modules are not fitted again"


def test_a_member_that_vanishes_during_the_job_ends_it_without_a_trace(owner, monkeypatch):
    import workers.families.compressing as compressing
    from catalog.removals.withdrawing import delete_adapter

    family = make_family(owner)
    real = compressing.run
    calls: list[str] = []

    def meanwhile_deleted(function: str, *given: Any, **named: Any) -> Any:
        if not calls:
            delete_adapter(owner, family.members.first().adapter)  # type: ignore[union-attr]
        calls.append(function)
        return real(function, *given, **named)

    monkeypatch.setattr(compressing, "run", meanwhile_deleted)
    basis = compressed(owner, family, rank=8)
    assert basis.state == BasisState.FAILED
    assert basis.error is not None
    assert basis.error["code"] == "member_gone"
    assert not BasisPart.objects.exists()
    assert not Fit.objects.exists()


def test_a_cancelled_job_leaves_no_half_basis(owner, monkeypatch):
    import workers.families.compressing as compressing

    family = make_family(owner)
    real = compressing.run

    def cancelled(function: str, *given: Any, **named: Any) -> Any:
        Job.objects.filter(kind="compress").update(is_cancel_requested=True)
        return real("tests.unit.workers.child_functions:sleep", *given, **named)

    monkeypatch.setattr(compressing, "run", cancelled)
    monkeypatch.setattr("workers.supervisor._PROGRESS_SECONDS", 0.05)
    basis = compressed(owner, family, rank=8)
    job = Job.objects.get(kind="compress")
    assert job.state == JobState.CANCELLED
    assert (basis.state, basis.error) == (BasisState.FAILED, {"code": "cancelled", "detail": "cancelled on request"})
    assert not BasisPart.objects.exists()


def test_members_are_read_by_ranges_and_never_whole(owner, monkeypatch):
    family = make_family(owner)
    weights = File.objects.filter(path="adapter_model.safetensors").select_related("blob")
    sizes = {file.blob_id: file.blob.size_bytes for file in weights}
    import workers.families.compressing as compressing

    monkeypatch.setattr(compressing, "_GROUP_BYTES", 1)
    asked: list[tuple[int, int]] = []
    store = blob_store()
    real = store._store.read  # type: ignore[attr-defined]

    def watched(sha256: str, *, start: int = 0, length: int | None = None) -> Any:
        if sha256 in sizes:
            assert length is not None
            asked.append((length, sizes[sha256]))
        return real(sha256, start=start, length=length)

    monkeypatch.setattr(store._store, "read", watched)  # type: ignore[attr-defined]
    basis = compressed(owner, family, rank=8)
    assert basis.state == BasisState.READY
    assert asked
    factor_bytes = 4 * 4 * (D_OUT + D_IN)
    assert max(length for length, _ in asked) <= max(factor_bytes, 2048)


def test_progress_tells_the_module_and_the_time_left(owner, monkeypatch):
    import workers.families.compressing as compressing

    monkeypatch.setattr(compressing, "_GROUP_BYTES", 1)
    monkeypatch.setattr("workers.supervisor._PROGRESS_SECONDS", 0.0)
    notes: list[str] = []
    from workers import supervisor

    real = supervisor.renew

    def noted(*given: Any, **named: Any) -> bool:
        notes.append(named.get("note") or "")
        return bool(real(*given, **named))

    monkeypatch.setattr(supervisor, "renew", noted)
    compressed(owner, make_family(owner), rank=8)
    assert any(note.startswith("module 1 of 4") for note in notes), notes
    assert any("left" in note for note in notes if note.startswith("module 4 of 4")), notes


def test_a_cuda_device_and_the_cpu_make_the_same_basis_up_to_rounding(owner, settings):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    settings.HUB_DEVICE_CHILD_MEMORY_BYTES = 32 << 30
    family = make_family(owner)
    first, second = compressed(owner, family, rank=8), compressed(owner, family, rank=8, queue="gpu")
    assert (first.made_with["device"], second.made_with["device"]) == ("cpu", "cuda")
    for ours, theirs in zip(first.fits.all(), second.fits.all(), strict=True):
        assert ours.relative_squared_error == pytest.approx(theirs.relative_squared_error, rel=1e-3, abs=1e-6)


def test_the_queue_of_devices_runs_the_same_job_on_whatever_there_is(owner):
    basis = compressed(owner, make_family(owner), rank=8, queue="gpu")
    assert (basis.state, basis.error) == (BasisState.READY, None)
    assert basis.job is not None
    assert basis.job.queue == "gpu"
    assert basis.made_with["device"] == ("cuda" if torch.cuda.is_available() else "cpu")


def test_narrow_coefficients_take_fewer_bytes_and_say_what_they_miss(owner, tmp_path):
    family = make_family(owner)
    half, narrow = compressed(owner, family, rank=8), compressed(owner, family, rank=8, coefficients="int4")
    for before, after in zip(half.fits.all(), narrow.fits.all(), strict=True):
        assert after.size_bytes < before.size_bytes
        assert after.relative_squared_error > before.relative_squared_error
    fit = narrow.fits.select_related("revision__adapter")[0]
    seed = int(fit.revision.adapter.name[-1])
    missed = total = 0.0
    for module, found in given_back(narrow, fit, tmp_path).items():
        A, B = factors(seed, module)
        missed, total = missed + float((found - B @ A).square().sum()), total + float((B @ A).square().sum())
    assert missed / total == pytest.approx(fit.relative_squared_error, rel=0.1)


def test_members_cut_to_a_rank_take_fewer_bytes_and_say_what_they_miss(owner):
    family = make_family(owner)
    whole, cut = compressed(owner, family, rank=16), compressed(owner, family, rank=16, member_rank=1)
    for before, after in zip(whole.fits.all(), cut.fits.all(), strict=True):
        assert after.size_bytes < before.size_bytes
        assert after.relative_squared_error > before.relative_squared_error
