"""JD-Diag, individual truncation, clusters and streaming: each against its reference, each honest about its limits."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from kernels.families.clustered import clustered_jd
from kernels.families.clustering import initial_clusters, input_similarity, kmeans
from kernels.families.individual import individual_svd
from kernels.families.jd_diag import jd_diag
from kernels.families.jd_full import jd_full
from kernels.families.streaming import fit_modules, loader_of
from kernels.lowrank import LowRankUpdate, norms
from kernels.lowrank_io import load_updates
from tests.unit.kernels.families.pools import dense, make_pool, real, relative_squared_errors

REPOSITORY = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("planted", [0, 8])
def test_jd_diag_is_as_good_as_parafac_and_no_better_than_jd_full(planted):
    tensorly = pytest.importorskip("tensorly")
    decomposition = pytest.importorskip("tensorly.decomposition")
    tensorly.set_backend("pytorch")
    updates = make_pool(14, 3, 24, 30, seed=1, planted=planted, noise=0.1)
    unit = dense(updates) / norms(updates)[:, None, None]
    losses = []
    for options in ({"init": "svd"}, *({"init": "random", "random_state": seed} for seed in range(3))):
        found = decomposition.parafac(unit, 5, n_iter_max=200, tol=1e-8, **options)
        losses.append(float((tensorly.cp_to_tensor(found) - unit).square().sum()) / 14)
    fit = jd_diag(updates, rank=5, restarts=6)
    assert fit.loss <= 1.005 * min(losses)
    assert fit.loss >= jd_full(updates, rank=5, restarts=3).loss
    exported = [fit.export(place) for place in range(14)]
    expected = relative_squared_errors(updates, exported)
    assert torch.allclose(fit.relative_squared_errors, expected, rtol=1e-5, atol=1e-9)
    assert fit.size_bytes() == 4 * (5 * (24 + 30) + 14 * 5)
    assert torch.allclose(torch.linalg.vector_norm(fit.basis.U, dim=0), torch.ones(5).double())


def test_jd_diag_recovers_a_planted_decomposition_and_projects_into_it():
    generator = torch.Generator().manual_seed(0)
    U, V = (torch.randn(size, 4, generator=generator).double() for size in (20, 26))
    updates = [LowRankUpdate(V.T, U * torch.randn(4, generator=generator).double()) for _ in range(9)]
    fit = jd_diag(updates[:-1], rank=4, max_sweeps=2000, tolerance=1e-12, restarts=2)
    assert fit.loss < 1e-6
    assert fit.basis.project(updates[-1]).relative_squared_error < 1e-6


def test_jd_diag_reports_that_it_has_not_converged():
    updates = make_pool(10, 3, 20, 26, seed=2)
    assert not jd_diag(updates, rank=6, max_sweeps=2).is_converged
    seen: list[tuple[int, int]] = []
    jd_diag(updates, rank=2, max_sweeps=5, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (1, 10)


def test_jd_diag_calls_no_fit_converged_where_none_exists(monkeypatch):
    """x o x o y + x o y o x + y o x o x has rank 3 and no best fit of rank 2 (de Silva and Lim, 2008)."""
    x, y = torch.eye(2).double()
    pair = LowRankUpdate(torch.stack([x, y]), torch.stack([y, x], 1))
    single = LowRankUpdate(x[None], x[:, None])
    fit = jd_diag([pair, single], rank=2, weights=[1.0, 1.0])
    assert not fit.is_converged
    assert float(fit.cores.abs().max()) > 3.0
    monkeypatch.setattr("kernels.families.jd_diag._LARGEST_COEFFICIENT", 3.0)
    stopped = jd_diag([pair, single], rank=2, weights=[1.0, 1.0])
    assert stopped.is_degenerate
    assert bool(torch.isfinite(stopped.cores).all())


@pytest.mark.parametrize("rank", [1, 30])
def test_jd_diag_survives_degenerate_pools(rank):
    zero = LowRankUpdate(torch.randn(2, 26).double(), torch.zeros(20, 2).double())
    for updates in (
        make_pool(1, 3, 20, 26),
        [zero, zero],
        [*make_pool(2, 3, 20, 26), zero],
        make_pool(1, 2, 20, 26) * 3,
    ):
        fit = jd_diag(updates, rank=rank, max_sweeps=20)
        exported = [fit.export(place) for place in range(len(updates))]
        assert torch.allclose(fit.relative_squared_errors, relative_squared_errors(updates, exported), atol=1e-6)
    with pytest.raises(ValueError, match="received 0"):
        jd_diag(make_pool(2, 2, 6, 7), rank=0)


def test_individual_truncation_is_the_best_of_its_rank():
    updates = [*make_pool(3, 4, 20, 26), LowRankUpdate(torch.zeros(2, 26), torch.zeros(20, 2))]
    fit = individual_svd(updates, rank=2)
    expected = relative_squared_errors(updates, [fit.export(place) for place in range(4)])
    assert torch.allclose(fit.relative_squared_errors, expected, atol=1e-9)
    tail = torch.linalg.svdvals(updates[0].dense())[2:].square().sum() / updates[0].norm() ** 2
    assert float(fit.relative_squared_errors[0]) == pytest.approx(float(tail))
    assert fit.size_bytes() == 4 * 4 * 2 * 46
    assert float(individual_svd(updates, energy=0.9).relative_squared_errors.max()) <= 0.1
    with pytest.raises(ValueError, match="either rank or energy"):
        individual_svd(updates)


def shared_start(count: int, seed: int) -> list[dict[str, LowRankUpdate]]:
    """Adapters of two modules whose A stayed close to one initial A."""
    adapters: list[dict[str, LowRankUpdate]] = [{} for _ in range(count)]
    for turn, module in enumerate(("m.0", "m.1")):
        generator = torch.Generator().manual_seed(100 * seed + turn)
        start = torch.randn(4, 40, generator=generator)
        for adapter in adapters:
            A = start + 0.1 * torch.randn(4, 40, generator=generator)
            adapter[module] = LowRankUpdate(A, torch.randn(24, 4, generator=generator))
    return adapters


def test_adapters_of_one_initial_A_meet_in_one_cluster():
    adapters = [one for pair in zip(shared_start(6, 1), shared_start(6, 2), strict=True) for one in pair]
    modules, load = loader_of(adapters)
    found = initial_clusters(modules, load, clusters=2, seed=3)
    assert found.tolist() in ([0, 1] * 6, [1, 0] * 6)
    similarity = input_similarity(load("m.0"))
    assert float(similarity[0, 2]) > 0.9
    assert float(similarity[0, 1]) < 0.3
    assert torch.allclose(similarity.diagonal(), torch.ones(12).double(), atol=1e-5)


def test_clusters_lower_the_error_and_every_adapter_has_one_for_all_modules():
    adapters = [one for pair in zip(shared_start(6, 1), shared_start(6, 2), strict=True) for one in pair]
    modules, load = loader_of(adapters)
    fit = clustered_jd(modules, load, rank=4, clusters=2)
    alone = sum(float(jd_full(load(module), rank=4).relative_squared_errors.sum()) for module in modules)
    assert fit.is_converged
    assert fit.losses[-1] < 0.8 * alone
    for adapter in (0, 5, 11):
        cluster, place = fit.place_of(adapter)
        errors = [
            relative_squared_errors([load(module)[adapter]], [fit.fits[module][cluster].export(place)])[0]
            for module in modules
        ]
        assert float(fit.relative_squared_errors[adapter]) == pytest.approx(float(sum(errors)) / 2, rel=1e-3)
    assert fit.size_bytes() == 2 * 4 * (2 * 4 * (24 + 40) + 12 * 16)


def test_a_poor_first_assignment_improves_every_round():
    adapters = [*shared_start(5, 1), *shared_start(5, 2)]
    modules, load = loader_of(adapters)
    poor = clustered_jd(modules, load, rank=4, clusters=2, assignment=[1, 0, 0, 0, 0, 1, 1, 1, 1, 0])
    assert len(poor.losses) > 1
    assert all(after <= before * (1 + 1e-6) for before, after in zip(poor.losses, poor.losses[1:], strict=False))
    assert poor.losses[-1] < poor.losses[0]


def test_no_cluster_stays_empty():
    assert sorted(kmeans(torch.ones(6, 2), clusters=3).bincount(minlength=3).tolist(), reverse=True)[-1] >= 1
    modules, load = loader_of(shared_start(5, 1))
    assert clustered_jd(modules, load, rank=2, clusters=5).assignment.bincount(minlength=5).tolist() == [1] * 5
    with pytest.raises(ValueError, match="received 6 for 5"):
        clustered_jd(modules, load, rank=2, clusters=6)
    with pytest.raises(ValueError, match=r"received \[5, 0\]"):
        clustered_jd(modules, load, rank=2, clusters=2, assignment=[0] * 5)


def test_streaming_reads_each_module_once_and_resumes():
    adapters = shared_start(4, 1)
    del adapters[0]["m.1"]
    modules, load = loader_of(adapters)
    read: list[str] = []
    told: list[tuple[int, int, str]] = []

    def counted(module: str):
        read.append(module)
        return load(module)

    stream = fit_modules(modules, counted, partial(jd_full, rank=2), progress=lambda *step: told.append(step))
    done = dict([next(stream)])
    assert read == ["m.0"]
    rest = dict(fit_modules(modules, counted, partial(jd_full, rank=2), finished=done))
    assert read == ["m.0", "m.1"]
    assert float(rest["m.1"].relative_squared_errors[0]) == 0.0
    list(stream)
    assert told == [(1, 2, "m.0"), (2, 2, "m.1")]


def test_a_fit_holds_at_most_six_copies_of_its_factors():
    code = """
import resource, torch
from kernels.families.jd_full import jd_full
from kernels.lowrank import LowRankUpdate
torch.set_num_threads(1)
def pool(count, d):
    return [LowRankUpdate(torch.randn(16, d), torch.randn(d, 16)) for _ in range(count)]
jd_full(pool(20, 512), rank=16, max_iterations=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
jd_full(pool(200, 2048), rank=16, max_iterations=2)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / (200 * 16 * 2 * 2048 * 4))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 6.0


def test_real_gemma_adapters_are_compressed_module_by_module():
    slugs = ("0112ly-v2", "aowei-adapter", "aowei-adapter-curriculum-stage1", "zouhe")
    adapters = [load_updates(real(f"gemma3-270m-svg-{slug}")) for slug in slugs]
    modules, load = loader_of(adapters)
    chosen = [modules[0], modules[-1]]
    for module, fit in fit_modules(chosen, load, partial(jd_full, rank=8)):
        exported = [fit.export(place) for place in range(4)]
        expected = relative_squared_errors(load(module), exported)
        assert torch.allclose(fit.relative_squared_errors, expected, rtol=1e-4, atol=1e-9)
        assert fit.lower_bound - 1e-5 <= fit.loss <= fit.upper_bound + 1e-5
