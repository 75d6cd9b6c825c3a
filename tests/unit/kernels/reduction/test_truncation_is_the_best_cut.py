"""Truncation keeps the leading singular directions; its reported error is the tail, of every factorisation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.lowrank import LowRankUpdate
from kernels.reduction import distance, truncate
from tests.unit.kernels.reduction.pools import adapter, refactored, relative, update


@given(seed=st.integers(0, 10**6), rank=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_the_reported_error_is_the_dense_error_and_the_tail_of_the_singular_values(seed: int, rank: int):
    whole = adapter(seed, modules=2)
    reduced = truncate(whole, rank=rank)
    for name, before in whole.items():
        dense = before.dense()
        report = reduced.report.modules[name]
        tail = torch.linalg.svdvals(dense)[rank:].square().sum().sqrt()
        measured = torch.linalg.matrix_norm(dense - reduced.updates[name].dense())
        assert report.error == pytest.approx(float(measured), abs=1e-12 * report.norm)
        assert report.error == pytest.approx(float(tail), abs=1e-12 * report.norm)
        assert reduced.updates[name].rank == min(rank, before.rank)


@given(seed=st.integers(0, 10**6), gauge=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_the_factorisation_does_not_matter(seed: int, gauge: int):
    one = update(seed)
    cuts = [truncate({"m": each}, rank=3).updates["m"].dense() for each in (one, refactored(one, gauge))]
    assert relative(cuts[1], cuts[0]) <= 1e-9


def test_bytes_count_the_factors_in_their_own_dtype():
    one = update(1, d_out=30, d_in=20, rank=6, dtype=torch.bfloat16)
    report = truncate({"m": one}, rank=2).report
    assert (report.bytes_before, report.bytes_after) == (6 * 50 * 2, 2 * 50 * 2)


def test_storing_in_half_precision_is_part_of_the_reported_error():
    one = update(2)
    reduced = truncate({"m": one}, rank=6, dtype=torch.bfloat16)
    measured = relative(reduced.updates["m"].dense().double(), one.dense())
    assert 1e-4 < measured < 1e-2
    assert reduced.report.relative_error == pytest.approx(measured, rel=1e-5)


@pytest.mark.parametrize("energy", [0.5, 0.9, 0.999, 1.0])
def test_an_energy_takes_the_smallest_rank_that_keeps_it(energy: float):
    one = update(3)
    reduced = truncate({"m": one}, energy=energy)
    squares = torch.linalg.svdvals(one.dense())[: one.rank].square()
    kept = squares.cumsum(0) / squares.sum()
    rank = reduced.updates["m"].rank
    assert kept[rank - 1] >= energy - 1e-12
    assert rank == 1 or kept[rank - 2] < energy
    assert reduced.report.relative_error**2 <= 1 - energy + 1e-12


def test_a_zero_adapter_and_more_rank_than_width_are_fine():
    zero = LowRankUpdate(torch.randn(4, 10), torch.zeros(12, 4))
    wide = LowRankUpdate(torch.randn(9, 5).double(), torch.randn(6, 9).double())
    reduced = truncate({"zero": zero, "wide": wide}, rank=8)
    assert reduced.report.modules["zero"].relative_error == 0.0
    assert reduced.updates["wide"].rank == 5
    assert relative(reduced.updates["wide"].dense(), wide.dense()) <= 1e-12
    assert torch.isfinite(reduced.updates["zero"].A).all()


def test_the_distance_of_nearly_equal_updates_keeps_its_digits():
    one = update(4)
    near = LowRankUpdate(one.A, one.B * (1 + 1e-9))
    assert distance(one, near) == pytest.approx(1e-9 * one.norm(), rel=1e-5)
    assert distance(one, refactored(one, 0)) <= 1e-12 * one.norm()


def test_progress_ends_at_one_and_ranks_may_differ_by_module():
    whole = adapter(5)
    seen: list[float] = []
    reduced = truncate(whole, rank={name: at for at, name in enumerate(whole)}, progress=seen.append)
    assert [one.rank for one in reduced.updates.values()] == [0, 1, 2]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rank": 2, "energy": 0.5},
        {"rank": -1},
        {"rank": 1.5},
        {"energy": 0.0},
        {"energy": 1.1},
        {"rank": {"no": 1}},
    ],
)
def test_a_wrong_option_is_named_with_what_was_received(options: dict):
    with pytest.raises(ValueError, match=r"received|differing"):
        truncate(adapter(0), **options)


def test_an_adapter_is_a_mapping_of_updates():
    with pytest.raises(ValueError, match="at least one module"):
        truncate({}, rank=1)
    with pytest.raises(ValueError, match="must be a LowRankUpdate; received Tensor"):
        truncate({"m": torch.zeros(2, 2)}, rank=1)  # type: ignore[dict-item]
