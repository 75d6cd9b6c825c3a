"""The canonical thin form: exact, unique whatever the factorisation, and safe for every degenerate adapter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.lowrank import LowRankUpdate, inner_products, norms, singular_values, thin_forms

RANKS = st.lists(st.integers(0, 12), min_size=1, max_size=5)
SEEDS = st.integers(0, 2**31)


def draw(seed: int, rank: int, d_out: int = 9, d_in: int = 14, dtype: torch.dtype = torch.float64) -> LowRankUpdate:
    generator = torch.Generator().manual_seed(seed)
    A = torch.randn(rank, d_in, generator=generator, dtype=torch.float64)
    B = torch.randn(d_out, rank, generator=generator, dtype=torch.float64)
    return LowRankUpdate(A.to(dtype), B.to(dtype))


def refactored(update: LowRankUpdate, seed: int) -> LowRankUpdate:
    """The same update by a random G of condition at most 10."""
    generator = torch.Generator().manual_seed(seed)
    r = update.rank
    left, _ = torch.linalg.qr(torch.randn(r, r, generator=generator, dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(r, r, generator=generator, dtype=torch.float64))
    G = left @ torch.diag(torch.logspace(0, 1, r, dtype=torch.float64)) @ right
    A = torch.linalg.solve(G, update.A.double())
    return LowRankUpdate(A.to(update.dtype), (update.B.double() @ G).to(update.dtype))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12), (torch.bfloat16, 1e-5)]
)
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, ranks=RANKS)
def test_thin_forms_of_mixed_ranks_equal_the_update(dtype, tolerance, seed, ranks):
    updates = [draw(seed + place, rank, dtype=dtype) for place, rank in enumerate(ranks)]
    for update, form in zip(updates, thin_forms(updates), strict=True):
        dense = update.dense()
        assert torch.linalg.norm(form.dense() - dense) <= tolerance * torch.linalg.norm(dense)
        eye = torch.eye(form.rank, dtype=form.U.dtype)
        assert torch.allclose(form.U.T @ form.U, eye, atol=1e-5)
        assert torch.allclose(form.V.T @ form.V, eye, atol=1e-5)
        assert bool((form.S.diff() <= 0).all())
        assert form.rank == min(update.rank, update.d_out, update.d_in)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, rank=st.integers(1, 9))
def test_singular_values_are_those_of_the_dense_update(seed, rank):
    update = draw(seed, rank, dtype=torch.float32)
    dense = torch.linalg.svdvals(update.dense().double())[:rank]
    assert torch.allclose(update.thin().S.double(), dense, rtol=1e-5, atol=1e-5 * float(dense[0]))
    assert torch.allclose(update.singular_values(), dense, rtol=1e-5, atol=1e-5 * float(dense[0]))
    assert update.norm() == pytest.approx(float(torch.linalg.norm(dense)), rel=1e-6)
    assert update.spectral_norm() == pytest.approx(float(dense[0]), rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, rank=st.integers(1, 6))
def test_the_form_does_not_depend_on_the_factorisation(seed, rank):
    update = draw(seed, rank)
    first, second = update.thin(), refactored(update, seed + 1).thin()
    gap = float((update.thin().S[:-1] - update.thin().S[1:]).min()) if rank > 1 else 1.0
    assert torch.allclose(first.S, second.S, rtol=1e-5)
    if gap > 1e-3:
        assert torch.allclose(first.U, second.U, atol=1e-5)
        assert torch.allclose(first.V, second.V, atol=1e-5)


def test_a_batch_agrees_with_one_by_one():
    updates = [draw(rank, rank, dtype=torch.float32) for rank in (1, 4, 2, 4, 3)]
    for update, form in zip(updates, thin_forms(updates), strict=True):
        alone = update.thin()
        assert torch.allclose(form.S, alone.S, rtol=1e-5)
        assert torch.allclose(form.U, alone.U, atol=1e-4)
        assert torch.allclose(form.V, alone.V, atol=1e-4)


@pytest.mark.parametrize(
    "update",
    [
        LowRankUpdate(torch.randn(4, 14), torch.zeros(9, 4)),
        LowRankUpdate(torch.zeros(4, 14), torch.zeros(9, 4)),
        LowRankUpdate(torch.randn(1, 14).expand(4, 14), torch.randn(9, 4)),
        LowRankUpdate(torch.randn(30, 14), torch.randn(9, 30)),
        LowRankUpdate(torch.zeros(0, 14), torch.zeros(9, 0)),
    ],
    ids=["B zero, as PEFT begins", "all zero", "rank-deficient", "r above min(d)", "rank 0"],
)
def test_degenerate_updates_have_zero_tails_and_no_nan(update):
    form = update.thin()
    assert bool(torch.isfinite(form.U).all() and torch.isfinite(form.V).all() and torch.isfinite(form.S).all())
    assert torch.allclose(form.dense(), update.dense(), atol=1e-4)
    true_rank = int(torch.linalg.matrix_rank(update.dense())) if update.rank else 0
    assert float(form.S[true_rank:].sum()) <= 1e-5 * max(1.0, update.norm())


def test_truncation_errors_are_the_norms_of_what_is_cut_off():
    update = draw(3, 5)
    form = update.thin()
    dense = update.dense()
    expected = [float(torch.linalg.norm(dense - form.truncated(rank).dense())) for rank in range(6)]
    assert form.truncation_errors().tolist() == pytest.approx(expected, abs=1e-12)
    for energy in (0.3, 0.9, 0.999, 1.0):
        rank = form.rank_at_energy(energy)
        kept = 1 - (form.truncation_errors() / form.norm()).square()
        assert kept[rank] >= energy - 1e-12
        assert rank == 0 or kept[rank - 1] < energy
    assert draw(0, 0).thin().rank_at_energy(0.9) == 0


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, ranks=RANKS)
def test_inner_products_are_those_of_the_dense_updates(seed, ranks):
    updates = [draw(seed + place, rank) for place, rank in enumerate(ranks)]
    dense = torch.stack([update.dense().flatten() for update in updates])
    assert torch.allclose(inner_products(updates), dense @ dense.T, atol=1e-9)
    assert torch.allclose(inner_products(updates[:1], updates), dense[:1] @ dense.T, atol=1e-9)
    assert torch.allclose(norms(updates).square(), (dense * dense).sum(1), atol=1e-9)


def test_scales_fold_into_B():
    A, B = torch.randn(4, 14), torch.randn(9, 4)
    assert torch.allclose(LowRankUpdate.from_lora(A, B, alpha=8).dense(), 2 * B @ A)
    assert torch.allclose(LowRankUpdate.from_lora(A, B, alpha=8, rslora=True).dense(), 4 * B @ A)
    assert torch.allclose(LowRankUpdate.from_lora(A, B, scale=0.3).dense(), 0.3 * B @ A)
    assert torch.allclose((-LowRankUpdate.from_lora(A, B)).dense(), -B @ A)


def test_a_scale_does_not_round_half_precision_again():
    A, B = torch.randn(4, 14).bfloat16(), torch.randn(9, 4).bfloat16()
    scaled = LowRankUpdate.from_lora(A, B, scale=1 / 3)
    assert torch.allclose(scaled.dense(), B.float() @ A.float() / 3, rtol=1e-6, atol=1e-6)


def test_mixed_dtypes_are_widened():
    update = LowRankUpdate(torch.randn(2, 14).half(), torch.randn(9, 2))
    assert update.dtype == torch.float32
    forms = thin_forms([update, draw(0, 2), draw(1, 2, dtype=torch.bfloat16)])
    assert [form.S.dtype for form in forms] == [torch.float32, torch.float64, torch.float32]


def test_effective_rank_counts_equal_singular_values():
    assert LowRankUpdate(torch.eye(3, 14), torch.eye(9, 3)).effective_rank() == pytest.approx(3.0)
    assert LowRankUpdate(torch.zeros(3, 14), torch.eye(9, 3)).effective_rank() == 0.0


@pytest.mark.parametrize(
    ("A", "B", "message"),
    [
        (torch.zeros(3, 14), torch.zeros(9, 4), r"received \[3, 14\], \[9, 4\]"),
        (torch.zeros(14), torch.zeros(9, 4), r"received \[14\]"),
        (torch.zeros(3, 14, dtype=torch.int8), torch.zeros(9, 3), "received torch.int8"),
    ],
)
def test_factors_that_do_not_multiply_are_refused(A, B, message):
    with pytest.raises(ValueError, match=message):
        LowRankUpdate(A, B)


def test_an_update_with_nan_is_named():
    bad = LowRankUpdate(torch.full((2, 14), float("nan")), torch.zeros(9, 2))
    for function in (thin_forms, singular_values):
        with pytest.raises(ValueError, match="update 1"):
            function([draw(0, 2, dtype=torch.float32), bad])
    with pytest.raises(ValueError, match="one \\(d_out, d_in\\)"):
        inner_products([draw(0, 2), draw(0, 2, d_in=5)])
    with pytest.raises(ValueError, match=r"received 1\.5"):
        draw(0, 2).thin().rank_at_energy(1.5)
    with pytest.raises(ValueError, match="not both"):
        LowRankUpdate.from_lora(torch.zeros(2, 3), torch.zeros(3, 2), alpha=1, scale=1)
