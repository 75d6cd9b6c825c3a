"""LoraHub: the search finds the mixture that the examples ask for, within its budget and bounds."""

from __future__ import annotations

import pytest
import torch

from kernels.merging import compose, search_weights
from tests.unit.kernels.merging.support import generator, random_adapter, relative

ADAPTERS = [random_adapter(1, rank=2), random_adapter(2, rank=3), random_adapter(3, rank=2)]
WANTED = (0.9, -0.6, 0.0)
X = torch.randn(5, 20, generator=generator(4), dtype=torch.float64)  # a few examples


def loss_against(target):
    """Mean squared error of one module's outputs on the examples."""
    wanted = X @ target["first"].dense().T

    def loss(adapter) -> float:
        return float((X @ adapter["first"].dense().T - wanted).square().mean() / wanted.square().mean())

    return loss


def test_it_finds_the_weights_that_made_the_examples():
    found = search_weights(ADAPTERS, loss_against(compose(ADAPTERS, weights=WANTED)), budget=250, l1_penalty=0.0)
    assert found.weights == pytest.approx(WANTED, abs=0.02)
    assert found.loss < 1e-3
    assert relative(found.adapter["first"].dense(), compose(ADAPTERS, weights=found.weights)["first"].dense()) == 0.0


def test_it_spends_its_budget_and_no_more_and_keeps_the_best():
    seen, shares = [], []
    loss = loss_against(compose(ADAPTERS, weights=WANTED))
    found = search_weights(
        ADAPTERS, lambda adapter: seen.append(0) or loss(adapter), budget=40, l1_penalty=0.0, progress=shares.append
    )
    assert len(seen) == len(found.history) == 40
    assert shares[-1] == 1.0
    assert found.loss == min(value for _, value in found.history)
    assert found.loss < found.history[0][1]
    assert all(abs(weight) <= 1.5 for weights, _ in found.history for weight in weights)


def test_zero_weights_are_tried_first_and_kept_when_nothing_helps():
    found = search_weights(ADAPTERS, lambda adapter: float(any(u.dense().any() for u in adapter.values())), budget=12)
    assert found.weights == (0.0, 0.0, 0.0)
    assert found.history[0] == ((0.0, 0.0, 0.0), 0.0)


def test_the_penalty_keeps_weights_small():
    loss = loss_against(compose(ADAPTERS, weights=WANTED))
    free = search_weights(ADAPTERS, loss, budget=150, l1_penalty=0.0)
    held = search_weights(ADAPTERS, loss, budget=150, l1_penalty=1.0)
    assert sum(map(abs, held.weights)) < 0.9 * sum(map(abs, free.weights))


def test_the_seed_decides_and_the_global_generators_stay():
    import numpy as np

    loss = loss_against(compose(ADAPTERS, weights=WANTED))
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second, third = (search_weights(ADAPTERS, loss, budget=20, seed=seed) for seed in (1, 1, 2))
    assert first.history == second.history != third.history
    assert torch.equal(before, torch.get_rng_state())
    assert (before_numpy == np.random.get_state()[1]).all()


def test_one_adapter_is_enough():
    target = compose(ADAPTERS[:1], weights=[0.5])
    assert search_weights(ADAPTERS[:1], loss_against(target), budget=60, l1_penalty=0.0).weights[0] == pytest.approx(
        0.5, abs=0.05
    )


def test_as_published_factors_are_added_apart():
    pair = [random_adapter(1), random_adapter(2)]
    found = compose(pair, weights=[0.5, -0.3], composition="factors")["first"]
    one, other = (adapter["first"] for adapter in pair)
    expected = (0.5 * one.B - 0.3 * other.B) @ (0.5 * one.A - 0.3 * other.A)
    assert relative(found.dense(), expected) < 1e-12
    exact = compose(pair, weights=[0.5, -0.3])["first"]
    assert relative(exact.dense(), 0.5 * one.dense() - 0.3 * other.dense()) < 1e-12


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match=r"received 3, 0, 1\.5"):
        search_weights(ADAPTERS, lambda adapter: 0.0, budget=0)
    with pytest.raises(ValueError, match="NaN at weights"):
        search_weights(ADAPTERS, lambda adapter: float("nan"))
    with pytest.raises(ValueError, match="received 'median'"):
        compose(ADAPTERS, weights=WANTED, composition="median")
