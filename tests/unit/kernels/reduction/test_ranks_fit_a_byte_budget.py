"""Ranks under a byte budget lose the least energy: equal to trying every allocation."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.reduction.allocation as allocation
from kernels.reduction import allocate_ranks, truncate, truncate_to_budget
from tests.unit.kernels.reduction.pools import adapter

spectra = st.lists(
    st.lists(st.floats(0, 8), min_size=1, max_size=4).map(lambda values: sorted(values, reverse=True)),
    min_size=1,
    max_size=4,
)


def best_by_trying_all(values: dict, costs: dict, budget: int, least: int = 0) -> float:
    """The largest energy of any allocation within the budget."""
    names = list(values)
    choices = [range(min(least, len(values[name])), len(values[name]) + 1) for name in names]
    return max(
        sum(value**2 for name, rank in zip(names, ranks, strict=True) for value in values[name][:rank])
        for ranks in product(*choices)
        if sum(rank * costs[name] for name, rank in zip(names, ranks, strict=True)) <= budget
    )


@given(spectra, st.lists(st.integers(1, 9), min_size=4, max_size=4), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_no_allocation_keeps_more(values: list, prices: list, budget: int):
    named = {f"m{at}": one for at, one in enumerate(values)}
    costs = dict(zip(named, prices, strict=False))
    plan = allocate_ranks(named, bytes_per_rank=costs, budget_bytes=budget)
    assert plan.is_optimal
    assert plan.size_bytes == sum(plan.ranks[name] * costs[name] for name in named) <= budget
    kept = sum(value**2 for name in named for value in named[name][: plan.ranks[name]])
    assert plan.energy == pytest.approx(kept, abs=1e-9)
    assert plan.energy == pytest.approx(best_by_trying_all(named, costs, budget), abs=1e-9)
    assert plan.bound >= plan.energy - 1e-9


@given(spectra, st.lists(st.integers(1, 9), min_size=4, max_size=4), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_the_greedy_choice_is_within_one_direction_of_its_bound(values: list, prices: list, budget: int):
    named = {f"m{at}": one for at, one in enumerate(values)}
    costs = dict(zip(named, prices, strict=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allocation, "_MAX_CELLS", 0)
        plan = allocate_ranks(named, bytes_per_rank=costs, budget_bytes=budget)
    best = best_by_trying_all(named, costs, budget)
    assert plan.energy - 1e-9 <= best <= plan.bound + 1e-9
    assert plan.bound - plan.energy <= max(value**2 for one in values for value in one) + 1e-9
    if plan.is_optimal:
        assert plan.energy == pytest.approx(best, abs=1e-9)


def test_a_least_rank_is_kept_everywhere_or_refused():
    values, costs = {"a": [5.0, 4.0], "b": [0.1, 0.05]}, {"a": 10, "b": 10}
    plan = allocate_ranks(values, bytes_per_rank=costs, budget_bytes=30, min_rank=1)
    assert plan.ranks == {"a": 2, "b": 1}
    assert plan.energy == pytest.approx(best_by_trying_all(values, costs, 30, 1))
    with pytest.raises(ValueError, match="min_rank=2 needs 40 bytes; received budget_bytes=30"):
        allocate_ranks(values, bytes_per_rank=costs, budget_bytes=30, min_rank=2)


def test_the_truncated_adapter_fits_and_is_closer_than_one_rank_for_all():
    whole = adapter(3, modules=4, dtype=torch.float32)
    whole["layer.0"] = whole["layer.0"].scaled(10.0)
    uniform = sum((one.d_in + one.d_out) * 2 * 4 for one in whole.values())
    reduced = truncate_to_budget(whole, budget_bytes=uniform)
    assert reduced.report.bytes_after <= uniform
    assert reduced.report.relative_error < truncate(whole, rank=2).report.relative_error


def test_relative_errors_do_not_give_up_small_modules():
    whole = {"large": adapter(1)["layer.1"].scaled(1000.0), "small": adapter(2)["layer.1"]}
    budget = 4 * (28 + 24 + 4) * 8
    reduced = truncate_to_budget(whole, budget_bytes=budget)
    assert reduced.updates["small"].rank == 0
    assert reduced.report.modules["small"].relative_error == pytest.approx(1.0)
    assert set(reduced.for_export()) == {"large"}, "a LoRA file has no rank of 0"
    assert truncate_to_budget(whole, budget_bytes=budget, is_relative=True).updates["small"].rank > 0


@pytest.mark.parametrize(
    ("values", "costs", "budget"),
    [
        ({"a": [1.0]}, {"b": 1}, 5),
        ({"a": [1.0]}, {"a": 0}, 5),
        ({"a": [1.0, 2.0]}, {"a": 1}, 5),
        ({"a": [1.0]}, {"a": 1}, -1),
    ],
)
def test_a_wrong_table_is_refused(values: dict, costs: dict, budget: int):
    with pytest.raises(ValueError, match=r"received|differing"):
        allocate_ranks(values, bytes_per_rank=costs, budget_bytes=budget)
