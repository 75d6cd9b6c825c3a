"""Pruning keeps exactly the stated number of entries, those of the highest score, and counts its mask."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from kernels.lowrank import LowRankUpdate
from kernels.reduction import prune, sparse_from_tensors
from tests.unit.kernels.reduction.pools import adapter, generator, relative, update


@given(seed=st.integers(0, 10**6), density=st.floats(0.01, 1.0), dtype=st.sampled_from([torch.float32, torch.bfloat16]))
@settings(max_examples=40, deadline=None)
def test_each_factor_keeps_its_largest_entries_and_zeros_the_rest(seed: int, density: float, dtype: torch.dtype):
    one = update(seed, dtype=dtype)
    sparse = prune({"m": one}, density=density)
    for dense, factor, kept in zip((one.A, one.B), sparse.factors["m"], sparse.masks()["m"], strict=True):
        assert int(kept.sum()) == factor.values.numel() == round(density * dense.numel())
        assert torch.equal(factor.dense(), torch.where(kept, dense, 0.0))
        if kept.any() and not kept.all():
            assert dense.abs()[kept].min() >= dense.abs()[~kept].max()


def test_equal_scores_keep_the_earlier_entries():
    one = LowRankUpdate(torch.ones(2, 6), torch.ones(4, 2))
    kept_a, _ = prune({"m": one}, density=0.5).masks()["m"]
    assert kept_a.flatten().tolist() == [True] * 6 + [False] * 6


def test_snip_scores_by_the_effect_on_the_loss():
    one = update(1)
    inputs = torch.randn(64, one.d_in, generator=generator(2), dtype=torch.float64)
    wanted = torch.randn(64, one.d_out, generator=generator(3), dtype=torch.float64)
    A, B = one.A.clone().requires_grad_(), one.B.clone().requires_grad_()
    (inputs @ A.T @ B.T - wanted).square().mean().backward()
    gradients = {"m": (A.grad, B.grad)}
    kept_a, kept_b = prune({"m": one}, density=0.3, method="snip", gradients=gradients).masks()["m"]  # type: ignore[arg-type]
    for factor, kept in ((A, kept_a), (B, kept_b)):
        assert factor.grad is not None
        score = (factor * factor.grad).abs()
        assert score[kept].min() >= score[~kept].max()
    by_magnitude, _ = prune({"m": one}, density=0.3).masks()["m"]
    assert not torch.equal(kept_a, by_magnitude)


def test_snip_keeps_an_entry_of_small_value_and_large_gradient():
    one = LowRankUpdate(torch.tensor([[0.1, 1.0, 1.0, 1.0]]), torch.ones(4, 1))
    gradients = {"m": (torch.tensor([[100.0, 0.1, 0.1, 0.1]]), torch.ones(4, 1))}
    kept, _ = prune({"m": one}, density=0.25, method="snip", gradients=gradients).masks()["m"]
    assert kept.tolist() == [[True, False, False, False]]


@pytest.mark.parametrize("scope", ["tensor", "module", "adapter"])
def test_every_scope_keeps_its_share_and_the_error_is_the_dense_one(scope: str):
    whole = adapter(4)
    sparse = prune(whole, density=0.4, scope=scope)
    assert sparse.density == pytest.approx(0.4, abs=0.02)
    for name, before in whole.items():
        measured = relative(sparse.updates[name].dense(), before.dense())
        assert sparse.report.modules[name].relative_error == pytest.approx(measured, rel=1e-9)
    if scope == "adapter":
        everything = torch.cat([f.flatten() for one in whole.values() for f in (one.A, one.B)]).abs()
        kept = torch.cat([m.flatten() for pair in sparse.masks().values() for m in pair])
        assert everything[kept].min() >= everything[~kept].max()


def test_bytes_count_values_and_mask():
    one = update(5, d_out=32, d_in=16, rank=4, dtype=torch.float32)
    report = prune({"m": one}, density=0.25).report
    assert report.bytes_before == 4 * 48 * 4
    assert report.bytes_after == 48 * 4 + (4 * 48) // 8
    assert prune({"m": one}, density=1.0).report.bytes_after > report.bytes_before, "a mask of ones is not free"


def test_a_file_of_the_sparse_form_gives_the_same_adapter():
    sparse = prune(adapter(6, dtype=torch.float32), density=0.3)
    again = sparse_from_tensors(load(save(sparse.tensors())))
    assert again.keys() == sparse.updates.keys()
    for name, one in again.items():
        assert torch.equal(one.A, sparse.updates[name].A)
        assert torch.equal(one.B, sparse.updates[name].B)


def test_random_pruning_repeats_with_its_seed_alone():
    first, same, other = (prune(adapter(7), density=0.5, method="random", seed=seed).masks() for seed in (1, 1, 2))
    assert all(torch.equal(first[name][0], same[name][0]) for name in first)
    assert not all(torch.equal(first[name][0], other[name][0]) for name in first)


@pytest.mark.parametrize(
    "options",
    [
        {"density": 0.0}, {"density": 1.5}, {"density": 0.5, "method": "grasp"}, {"density": 0.5, "scope": "layer"},
        {"density": 0.5, "method": "snip"}, {"density": 0.5, "method": "random"},
        {"density": 0.5, "method": "snip", "gradients": {"layer.0": (torch.zeros(1, 1), torch.zeros(1, 1))}},
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_with_what_was_received(options: dict):
    with pytest.raises(ValueError, match=r"received|no entry"):
        prune(adapter(0), **options)
