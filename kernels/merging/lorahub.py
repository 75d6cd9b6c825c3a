"""LoraHub: weights fitted to a few examples by an optimiser that needs no gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np
from cmaes import CMA  # type: ignore[import-untyped, unused-ignore]

from ..lowrank import Adapter, LowRankUpdate, computing_dtype, padded
from .members import members_of, modules_of, stacked, zero_update

Composition = Literal["updates", "factors"]
Objective = Callable[[dict[str, LowRankUpdate]], float]


@dataclass(frozen=True)
class WeightSearch:
    """The best weights found, their adapter, its loss without the penalty, and (weights, loss) of every evaluation."""

    weights: tuple[float, ...]
    loss: float
    adapter: dict[str, LowRankUpdate]
    history: tuple[tuple[tuple[float, ...], float], ...]


def search_weights(
    adapters: Sequence[Adapter],
    objective: Objective,
    *,
    budget: int = 40,
    bound: float = 1.5,
    l1_penalty: float = 0.05,
    composition: Composition = "updates",
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> WeightSearch:
    """Weights in [-bound, bound]^N with a small `objective(adapter) + l1_penalty * mean |w_i|`, in `budget` calls.

    LoraHub (Huang et al., arXiv 2307.13269, section 3): `objective` is the loss on a few examples; the search starts
    at zero weights, which is the base model, and never returns anything worse. The optimiser is CMA-ES (Hansen,
    arXiv 1604.00772), seeded. `composition` "updates" gives the exact sum `sum w_i D_i`, "factors" the published
    `(sum w_i B_i)(sum w_i A_i)`, which depends on the factorisation. ValueError when the loss is NaN.
    """
    if budget < 1 or bound <= 0.0 or l1_penalty < 0.0 or not adapters:
        raise ValueError(
            f"adapters, budget >= 1, bound > 0 and l1_penalty >= 0 expected; "
            f"received {len(adapters)}, {budget}, {bound}, {l1_penalty}"
        )
    history: list[tuple[tuple[float, ...], float]] = []
    best: tuple[float, int] | None = None

    def penalised(weights: tuple[float, ...]) -> float:
        nonlocal best
        loss = float(objective(compose(adapters, weights=weights, composition=composition)))
        if loss != loss:
            raise ValueError(f"the objective must be a number; received NaN at weights {weights}")
        history.append((weights, loss))
        total = loss + l1_penalty * sum(map(abs, weights)) / len(weights)
        if best is None or total < best[0]:
            best = (total, len(history) - 1)
        if progress is not None:
            progress(len(history) / budget)
        return total

    penalised((0.0,) * len(adapters))
    _minimise(penalised, n_weights=len(adapters), calls=budget - 1, bound=bound, seed=seed)
    weights, loss = history[best[1] if best else 0]
    return WeightSearch(weights, loss, compose(adapters, weights=weights, composition=composition), tuple(history))


def compose(
    adapters: Sequence[Adapter], *, weights: Sequence[float], composition: Composition = "updates"
) -> dict[str, LowRankUpdate]:
    """`sum w_i D_i` exactly (rank sum r_i), or with "factors" `(sum w_i B_i)(sum w_i A_i)` (the largest rank)."""
    if composition not in ("updates", "factors"):
        raise ValueError(f"composition must be 'updates' or 'factors'; received {composition!r}")
    composed = {}
    for module in modules_of(adapters):
        members = members_of(adapters, weights, module)
        if not members.updates:
            composed[module] = zero_update(members)
        elif composition == "updates":
            composed[module] = stacked(members.weighted())
        else:
            dtype = computing_dtype(*(update.dtype for update in members.updates))
            B, A = padded(members.updates, dtype)
            factors = B.new_tensor(members.weights).view(-1, 1, 1)
            composed[module] = LowRankUpdate((A * factors).sum(0), (B * factors).sum(0))
    return composed


def _minimise(
    function: Callable[[tuple[float, ...]], float], *, n_weights: int, calls: int, bound: float, seed: int
) -> None:
    # The optimiser needs two dimensions at least; the function does not see the second of a single weight.
    dimensions = max(2, n_weights)
    bounds = np.tile([-bound, bound], (dimensions, 1)).astype(float)
    optimiser = CMA(mean=np.zeros(dimensions), sigma=bound / 3.0, bounds=bounds, seed=seed)
    while calls > 0:
        solutions = []
        for _ in range(min(calls, optimiser.population_size)):
            point = optimiser.ask()
            value = function(tuple(float(weight) for weight in point[:n_weights]))
            solutions.append((point, value if isfinite(value) else 1e300))
        calls -= len(solutions)
        if len(solutions) == optimiser.population_size:
            optimiser.tell(solutions)
