"""What must not matter does not: order, factorisation, zero adapters, a second copy, mixed ranks and dtypes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.lowrank import LowRankUpdate
from kernels.merging import METHODS, merge
from tests.unit.kernels.merging.support import distance, random_adapter, random_update, refactored

FEW = settings(max_examples=3, deadline=None, derandomize=True)
ELEMENTWISE = ("ties", "dare_linear", "dare_ties", "magnitude_prune")
OPTIONS: dict[str, dict[str, Any]] = {
    name: {"density": 0.5} if name.startswith((*ELEMENTWISE, "knots", "core_space")) else {} for name in METHODS
}
ALL = sorted(METHODS)
# Masks are drawn for the first, second, .. adapter: in another order they fall on other adapters.
WITHOUT_MASKS = [name for name in ALL if not name.startswith("dare")]
seeds = st.integers(0, 10_000)
weight = st.floats(-2.0, 2.0).filter(lambda value: abs(value) > 0.05)


def merged(adapters, method: str, weights, **more):
    """The adapter by the method's usual options."""
    return merge(adapters, method=method, weights=weights, **OPTIONS[method], **more).adapter


@pytest.mark.parametrize("method", WITHOUT_MASKS)
@FEW
@given(seed=seeds, weights=st.lists(weight, min_size=3, max_size=3), order=st.permutations(range(3)))
def test_order_does_not_matter(method: str, seed: int, weights: list[float], order: list[int]):
    adapters = [random_adapter(seed + place, rank=rank) for place, rank in enumerate((2, 3, 4))]
    other = merged([adapters[place] for place in order], method, [weights[place] for place in order])
    assert distance(other, merged(adapters, method, weights)) < 1e-7


@pytest.mark.parametrize("method", ALL)
@FEW
@given(seed=seeds, weights=st.lists(weight, min_size=3, max_size=3))
def test_factorisation_does_not_matter(method: str, seed: int, weights: list[float]):
    adapters = [random_adapter(seed + place, rank=rank) for place, rank in enumerate((2, 3, 4))]
    others = [refactored(adapter, seed + place) for place, adapter in enumerate(adapters)]
    assert distance(merged(others, method, weights), merged(adapters, method, weights)) < 1e-6


@pytest.mark.parametrize("method", ALL)
@FEW
@given(seed=seeds, factor=weight)
def test_one_adapter_comes_back_times_its_weight(method: str, seed: int, factor: float):
    adapter = random_adapter(seed)
    expected = {name: update.scaled(factor) for name, update in adapter.items()}
    assert distance(merged([adapter], method, [factor]), expected) < 1e-12
    idle = [random_adapter(seed + 1), {}, {name: update.scaled(0.0) for name, update in adapter.items()}]
    assert distance(merged([adapter, *idle], method, [factor, 0.0, 1.0, 1.0]), expected) < 1e-12


@pytest.mark.parametrize("method", ALL)
@FEW
@given(seed=seeds)
def test_adapters_without_weight_or_update_change_nothing(method: str, seed: int):
    adapters = [random_adapter(seed), random_adapter(seed + 1)]
    zero = {name: LowRankUpdate(update.A, torch.zeros_like(update.B)) for name, update in adapters[0].items()}
    expected = merged(adapters, method, [0.4, -0.7])
    found = merged([adapters[0], zero, random_adapter(seed + 9), adapters[1]], method, [0.4, 1.0, 0.0, -0.7])
    assert distance(found, expected) < 1e-12


@pytest.mark.parametrize("method", ["cat", "svd", "mera"])
@FEW
@given(seed=seeds)
def test_two_copies_at_half_weight_are_the_adapter(method: str, seed: int):
    adapter = random_adapter(seed)
    assert distance(merged([adapter, refactored(adapter, seed)], method, [0.5, 0.5]), adapter) < 1e-7


@pytest.mark.parametrize("method", ["ties", "ties_svd"])
def test_equal_adapters_of_weight_one_are_themselves_under_ties(method: str):
    adapter = random_adapter(3)
    found = merge([adapter] * 3, method=method, weights=[1, 1, 1], density=1.0).adapter
    assert distance(found, adapter) < 1e-9


@pytest.mark.parametrize("method", ALL)
def test_mixed_dtypes_agree_with_float64(method: str):
    dtypes = (torch.bfloat16, torch.float16, torch.float32)
    mixed = [random_adapter(place, dtype=dtype) for place, dtype in enumerate(dtypes)]
    wide = [{name: update.to(torch.float64) for name, update in adapter.items()} for adapter in mixed]
    found = merged(mixed, method, [0.5, 0.3, 0.2])
    if "dare" in method:  # masks depend on the dtype in which they are drawn
        assert {update.dtype for update in found.values()} == {torch.float32}
        return
    # An entry at a threshold may fall on the other side of it.
    assert distance(found, merged(wide, method, [0.5, 0.3, 0.2])) < (0.15 if OPTIONS[method] else 1e-4)


@pytest.mark.parametrize("method", ALL)
def test_all_weights_zero_is_a_zero_adapter(method: str):
    found = merged([random_adapter(1), random_adapter(2)], method, [0.0, 0.0])
    assert all(not update.dense().any() and update.dense().shape for update in found.values())


@pytest.mark.parametrize("method", ALL)
def test_the_same_seed_gives_the_same_bytes_and_leaves_the_global_generator_alone(method: str):
    adapters = [random_adapter(1), random_adapter(2)]
    before = torch.get_rng_state()
    first, second = (merged(adapters, method, [0.5, 0.5], seed=4) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    for name in first:
        assert torch.equal(first[name].A, second[name].A)
        assert torch.equal(first[name].B, second[name].B)


@pytest.mark.parametrize("method", ["dare_linear", "dare_linear_svd"])
def test_masks_depend_on_seed_and_module_and_not_on_the_other_modules(method: str):
    adapters = [random_adapter(1), random_adapter(2)]
    only_second = [{"second": adapter["second"]} for adapter in adapters]
    found = merged(adapters, method, [1, 1], seed=1)
    alone = merged(only_second, method, [1, 1], seed=1)
    assert distance({"second": found["second"]}, alone) == 0.0
    assert distance(merged(adapters, method, [1, 1], seed=2), found) > 0.05


@pytest.mark.parametrize("method", [name for name, entry in METHODS.items() if entry.takes_rank])
@pytest.mark.parametrize("rank", [1, 3, 50])
def test_the_rank_is_at_most_what_was_asked(method: str, rank: int):
    adapters = [{"m": random_update(1, rank=2)}, {"m": random_update(2, rank=5)}]
    assert merged(adapters, method, [1, 1], rank=rank)["m"].rank <= min(rank, 14)


@pytest.mark.parametrize("method", ["svd", "knots", "core_space", "mera", "linear", "ties_svd"])
def test_ranks_beyond_the_dimensions_pass(method: str):
    wide = [{"m": random_update(seed, rank=30, d_out=5, d_in=7)} for seed in (1, 2)]
    assert torch.isfinite(merged(wide, method, [1, 1])["m"].dense()).all()
