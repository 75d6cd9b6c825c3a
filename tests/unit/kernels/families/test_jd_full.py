"""JD-Full against tensorly, dense references and its own theory; every degenerate pool passes."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.families import jd_full as module
from kernels.families import jd_start
from kernels.families.basis import Basis, BoundViolated
from kernels.families.jd_full import jd_full
from kernels.families.jd_start import Start, hosvd_start
from kernels.families.pool import pack
from kernels.lowrank import LowRankUpdate, norms, thin_forms
from kernels.lowrank_io import load_updates
from tests.unit.kernels.families.pools import dense, make_pool, real, refactored, relative_squared_errors

POOLS = {
    "random": {"planted": 0},
    "planted and noise": {"planted": 12, "noise": 0.1},
    "planted": {"planted": 12},
}


def tucker_loss(updates: list[LowRankUpdate], rank: int, init: str | int) -> float:
    """The mean relative squared error of tensorly's Tucker-2 of the unit updates."""
    tensorly = pytest.importorskip("tensorly")
    decomposition = pytest.importorskip("tensorly.decomposition")
    tensorly.set_backend("pytorch")
    unit = dense(updates) / norms(updates)[:, None, None]
    options = {"init": "svd"} if init == "svd" else {"init": "random", "random_state": init}
    (_, (U, V)), _ = decomposition.partial_tucker(
        unit, rank=[rank, rank], modes=[1, 2], n_iter_max=300, tol=1e-9, **options
    )
    return 1.0 - float((U.T @ unit @ V).square().sum()) / len(updates)


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("rank", [4, 12])
def test_the_error_is_that_of_the_best_of_tensorly_and_several_starts(pool, rank):
    updates = make_pool(20, 4, 40, 56, seed=3, **POOLS[pool])
    oracle = tucker_loss(updates, rank, "svd")
    assert jd_full(updates, rank=rank).loss <= 1.001 * oracle + 1e-12
    best = min([oracle, *(tucker_loss(updates, rank, seed) for seed in range(3))])
    careful = jd_full(updates, rank=rank, restarts=5, tolerance=1e-7, max_iterations=500)
    assert careful.loss <= (1.001 if pool == "random" else 1 + 1e-6) * best + 1e-12


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 999), rank=st.integers(1, 9), planted=st.sampled_from([0, 6]))
def test_reported_errors_are_the_dense_ones_and_captured_energy_never_falls(seed, rank, planted):
    updates = make_pool(7, 3, 20, 26, seed=seed, planted=planted, noise=0.2)
    fit = jd_full(updates, rank=rank)
    exported = [fit.export(place) for place in range(7)]
    assert torch.allclose(
        fit.relative_squared_errors, relative_squared_errors(updates, exported), rtol=1e-5, atol=1e-12
    )
    assert fit.loss == pytest.approx(fit.mean_relative_squared_error)
    assert all(after >= before * (1 - 1e-6) for before, after in zip(fit.captured, fit.captured[1:], strict=False))
    assert fit.lower_bound <= fit.loss * (1 + 1e-9) + 1e-12
    assert fit.loss <= fit.upper_bound * (1 + 1e-9) + 1e-12
    for W in (fit.basis.U, fit.basis.V):
        assert torch.allclose(W.T @ W, torch.eye(W.shape[1], dtype=W.dtype), atol=1e-5)
    assert {update.rank for update in exported} == {fit.basis.rank}


def test_bounds_are_the_tails_of_the_stacked_factors():
    updates = make_pool(7, 3, 20, 26, seed=1)
    fit = jd_full(updates, rank=4)
    unit = dense(updates) / norms(updates)[:, None, None]
    left = torch.linalg.svdvals(unit.permute(1, 0, 2).flatten(1)).square()[4:].sum() / 7
    right = torch.linalg.svdvals(unit.permute(2, 0, 1).flatten(1)).square()[4:].sum() / 7
    assert fit.lower_bound == pytest.approx(float(max(left, right)))
    assert fit.upper_bound == pytest.approx(float(left + right))


def test_a_planted_subspace_is_found_exactly():
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-6)):
        updates = make_pool(16, 4, 40, 50, planted=9, dtype=dtype)
        for rank in (9, 12):
            fit = jd_full(updates, rank=rank)
            assert float(fit.relative_squared_errors.max()) <= tolerance
        truth = torch.linalg.svd(dense(updates).permute(1, 0, 2).flatten(1))[0][:, :9]
        found = jd_full(updates, rank=9).basis.U.double()
        outside = torch.linalg.matrix_norm(truth - found @ (found.T @ truth), ord=2)
        assert float(outside) < 1e-3


def test_the_randomised_start_of_large_modules_agrees_with_the_exact_one(monkeypatch):
    updates = make_pool(12, 4, 60, 70, planted=10, noise=0.05, dtype=torch.float32)
    exact = jd_full(updates, rank=8)
    monkeypatch.setattr(jd_start, "_EXACT_SIDE", 4)
    randomised = jd_full(updates, rank=8)
    assert randomised.loss == pytest.approx(exact.loss, rel=1e-3)
    assert randomised.lower_bound <= exact.lower_bound * (1 + 1e-4)


def test_the_lossless_core_of_few_adapters_gives_the_same_fit():
    updates = make_pool(4, 2, 40, 50, seed=5)
    pool = pack(updates)
    assert 2 * pool.width <= 40, "so that the fit runs in the core"
    small = jd_full(updates, rank=3, tolerance=1e-9)
    start = hosvd_start(pool, 3)
    full = module.fit(pool, 3, start=Basis(start.U, start.V), tolerance=1e-9)
    assert small.loss == pytest.approx(full.loss, rel=1e-6)
    expected = relative_squared_errors(updates, [small.export(place) for place in range(4)])
    assert torch.allclose(small.relative_squared_errors, expected, rtol=1e-5)


def test_neither_the_factorisation_nor_the_order_matters():
    updates = make_pool(8, 4, 30, 34, seed=2, planted=8, noise=0.05)
    first = jd_full(updates, rank=8)
    other = jd_full([refactored(update, place) for place, update in enumerate(updates)], rank=8)
    assert torch.allclose(first.relative_squared_errors, other.relative_squared_errors, rtol=1e-5, atol=1e-9)
    order = [3, 1, 7, 0, 2, 6, 5, 4]
    permuted = jd_full([updates[place] for place in order], rank=8)
    assert torch.allclose(first.relative_squared_errors[order], permuted.relative_squared_errors, rtol=1e-4, atol=1e-9)
    assert torch.allclose(first.basis.U, other.basis.U, atol=1e-4)


def test_the_same_seed_gives_the_same_bytes():
    updates = make_pool(8, 4, 30, 34, seed=2, dtype=torch.float32)
    first, second = (jd_full(updates, rank=5, seed=7, restarts=1) for _ in range(2))
    assert torch.equal(first.basis.U, second.basis.U)
    assert torch.equal(first.cores, second.cores)


ZERO = LowRankUpdate(torch.randn(4, 26), torch.zeros(20, 4))


@pytest.mark.parametrize(
    "updates",
    [
        make_pool(1, 3, 20, 26),
        [*make_pool(3, 2, 20, 26), ZERO, LowRankUpdate(torch.zeros(0, 26), torch.zeros(20, 0))],
        [ZERO, ZERO],
        make_pool(1, 3, 20, 26) * 4,
        [*make_pool(2, 1, 20, 26), *make_pool(2, 5, 20, 26, dtype=torch.bfloat16), *make_pool(1, 30, 20, 26)],
    ],
    ids=["one", "some zero", "all zero", "duplicates", "mixed ranks and dtypes"],
)
@pytest.mark.parametrize("rank", [1, 6, 40])
def test_degenerate_pools_pass(updates, rank):
    fit = jd_full(updates, rank=rank)
    exported = [fit.export(place) for place in range(len(updates))]
    expected = relative_squared_errors(updates, exported)
    assert torch.allclose(fit.relative_squared_errors, expected, rtol=1e-4, atol=1e-10)
    if rank == 40:
        assert float(fit.relative_squared_errors.max()) <= 1e-10


def test_errors_do_not_rise_with_rank():
    updates = make_pool(6, 3, 20, 26, seed=8)
    losses = [
        jd_full(updates, rank=rank, restarts=2, tolerance=1e-8, max_iterations=300).loss for rank in (1, 3, 6, 12, 20)
    ]
    assert losses == sorted(losses, reverse=True)


def test_weights_choose_what_matters():
    updates = [update.scaled(10.0**place) for place, update in enumerate(make_pool(4, 3, 20, 26, seed=4))]
    equal, plain = jd_full(updates, rank=3), jd_full(updates, rank=3, weights=[1.0] * 4)
    D, D_hat = dense(updates), dense([plain.export(place) for place in range(4)])
    assert plain.loss == pytest.approx(float((D - D_hat).square().sum() / D.square().sum()))
    assert float(plain.relative_squared_errors[3]) < float(equal.relative_squared_errors[3])
    alone = jd_full(updates, rank=3, weights=[0.0, 0.0, 1.0, 0.0])
    assert float(alone.relative_squared_errors[2]) <= 1e-12


def test_a_new_adapter_is_projected_and_a_member_comes_back():
    updates = make_pool(8, 3, 20, 26, seed=6, planted=7, noise=0.05)
    fit = jd_full(updates[:-1], rank=7)
    again = fit.basis.project(updates[0])
    assert torch.allclose(again.core, fit.cores[0], atol=1e-8)
    assert again.relative_squared_error == pytest.approx(float(fit.relative_squared_errors[0]))
    new = fit.basis.project(updates[-1])
    expected = relative_squared_errors([updates[-1]], [fit.basis.export(new.core)])
    assert new.relative_squared_error == pytest.approx(float(expected[0]), rel=1e-5)
    assert fit.size_bytes() == 4 * (7 * (20 + 26) + 7 * 49)
    with pytest.raises(ValueError, match="received 3 x 5"):
        fit.basis.project(LowRankUpdate(torch.zeros(1, 5), torch.zeros(3, 1)))


def test_a_fit_outside_its_bounds_is_a_defect():
    pool = pack(make_pool(4, 2, 20, 26))
    start = Start(torch.eye(20, 3).double(), torch.eye(26, 3).double(), lower_bound=0.0, upper_bound=0.1)
    with pytest.raises(BoundViolated, match=r"must lie in \[0, 0\.1\]"):
        module._finish(pool, start, start.U, start.V, [0.0], True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "received 0"),
        ({"rank": 2, "weights": [1.0]}, r"received \[1\]"),
        ({"rank": 2, "weights": [1.0, -1.0]}, "not negative"),
        ({"rank": 2, "weights": [0.0, 0.0]}, "all zero"),
    ],
)
def test_unusable_arguments_are_refused_with_what_was_received(options, message):
    with pytest.raises(ValueError, match=message):
        jd_full(make_pool(2, 2, 6, 7), **options)
    with pytest.raises(ValueError, match="received none"):
        jd_full([], rank=2)


def test_a_family_of_real_adapters_is_compressed_within_its_bounds():
    slugs = ["rank2-v1", "rank4-v1", "rank4-v3", "rank8-v1", "rank8-v3", "rank16-v1", "rank16-v3", "poetry-v1"]
    adapters = [load_updates(real(f"sam-lora-{slug}")) for slug in slugs]
    name = sorted(adapters[0])[0]
    updates = [adapter[name] for adapter in adapters]
    fit = jd_full(updates, rank=16)
    exported = [fit.export(place) for place in range(len(updates))]
    expected = relative_squared_errors(updates, exported)
    assert torch.allclose(fit.relative_squared_errors, expected, rtol=1e-4, atol=1e-9)
    assert fit.lower_bound - 1e-5 <= fit.loss <= fit.upper_bound + 1e-5
    assert float(fit.relative_squared_errors[-1]) == 0.0
    own = [float((form.S[16:].double().norm() / form.norm()) ** 2) for form in thin_forms(updates[:7])]
    assert all(float(error) >= alone - 1e-6 for error, alone in zip(fit.relative_squared_errors, own, strict=False))


def test_progress_is_told():
    seen: list[tuple[int, int]] = []
    jd_full(make_pool(6, 3, 20, 26), rank=3, max_iterations=9, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (1, 9)
    assert {total for _, total in seen} == {9}
    steps = [done for done, _ in seen]
    assert all(after in (before + 1, 1) for before, after in itertools.pairwise(steps)), "each start counts"
