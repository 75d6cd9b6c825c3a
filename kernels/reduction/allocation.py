"""Ranks per module under a byte budget: the allocation with the least total error, from singular values alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import NamedTuple

import numpy as np
import torch

from ..lowrank import Adapter, thin_forms
from .report import Progress, Reduced, Report, check_adapter, no_progress
from .truncation import cut

_MAX_CELLS = 1 << 28  # of the exact search: one bit each


class Direction(NamedTuple):
    """One singular direction that may be kept."""

    module: str
    energy: float
    cost: int


@dataclass(frozen=True)
class Allocation:
    """Ranks by module, the bytes they cost, the energy (sum of squared singular values) they keep.

    `bound` is an energy that no allocation of this budget exceeds; `is_optimal` says that none keeps more.
    """

    ranks: dict[str, int]
    size_bytes: int
    energy: float
    bound: float
    is_optimal: bool


def allocate_ranks(
    spectra: Mapping[str, Sequence[float]],
    *,
    bytes_per_rank: Mapping[str, int],
    budget_bytes: int,
    min_rank: int = 0,
) -> Allocation:
    """Choose how many leading singular values of every module to keep, so that the energy lost is least.

    spectra: descending singular values of each module; bytes_per_rank: what one rank of it costs,
    `(d_in + d_out) * item size`. Directions are taken by energy per byte. Where all modules cost the same that is
    optimal; where they differ it is a knapsack, solved exactly when its table is small, else greedily, at most one
    direction below the bound. ValueError when `min_rank` everywhere exceeds the budget.
    """
    _check(spectra, bytes_per_rank, budget_bytes, min_rank)
    ranks = {name: min(min_rank, len(values)) for name, values in spectra.items()}
    left = budget_bytes - sum(ranks[name] * bytes_per_rank[name] for name in spectra)
    if left < 0:
        raise ValueError(f"min_rank={min_rank} needs {budget_bytes - left} bytes; received budget_bytes={budget_bytes}")
    directions = _directions(spectra, bytes_per_rank, ranks)
    required = sum(float(value) ** 2 for name in spectra for value in spectra[name][: ranks[name]])
    chosen, bound = _greedy(directions, left)
    is_optimal = len({one.cost for one in directions}) <= 1 or len(chosen) == len(directions)
    if not is_optimal and _cells(directions, left) <= _MAX_CELLS:
        chosen, is_optimal = _knapsack(directions, left), True
    for one in chosen:
        ranks[one.module] += 1
    size = sum(ranks[name] * bytes_per_rank[name] for name in spectra)
    return Allocation(ranks, size, required + sum(one.energy for one in chosen), required + bound, is_optimal)


def truncate_to_budget(
    adapter: Adapter,
    *,
    budget_bytes: int,
    min_rank: int = 0,
    is_relative: bool = False,
    dtype: torch.dtype | None = None,
    progress: Progress = no_progress,
) -> Reduced:
    """Truncate every module to the rank that `allocate_ranks` gives it; the factors fit in `budget_bytes`.

    is_relative: count the error of each module relative to its own norm, so that modules of small updates are not
    given up for large ones. Otherwise the error of the whole adapter is the least possible.
    """
    check_adapter(adapter)
    spectra: dict[str, list[float]] = {}
    item_bytes = {name: (dtype or update.dtype).itemsize for name, update in adapter.items()}
    for done, (name, update) in enumerate(adapter.items(), start=1):
        values = update.singular_values()
        norm = float(torch.linalg.vector_norm(values))
        spectra[name] = (values / norm if is_relative and norm > 0 else values).tolist()
        progress(0.5 * done / len(adapter))
    costs = {name: (update.d_in + update.d_out) * item_bytes[name] for name, update in adapter.items()}
    plan = allocate_ranks(spectra, bytes_per_rank=costs, budget_bytes=budget_bytes, min_rank=min_rank)
    updates, modules = {}, {}
    for done, (name, update) in enumerate(adapter.items(), start=1):
        thin = thin_forms([update])[0]
        updates[name], modules[name] = cut(update, thin, plan.ranks[name], dtype or update.dtype)
        progress(0.5 + 0.5 * done / len(adapter))
    return Reduced(updates, Report(modules))


def _directions(
    spectra: Mapping[str, Sequence[float]], cost: Mapping[str, int], ranks: Mapping[str, int]
) -> list[Direction]:
    """Directions beyond `ranks`, best energy per byte first; those of one module stay in their order."""
    found = [
        Direction(name, float(value) ** 2, cost[name])
        for name, values in spectra.items()
        for value in values[ranks[name] :]
        if value > 0
    ]
    return sorted(found, key=lambda one: -one.energy / one.cost)


def _greedy(directions: list[Direction], left: int) -> tuple[list[Direction], float]:
    """What fits, in order, and the energy of the relaxation in which one direction may be kept in part."""
    chosen: list[Direction] = []
    bound = 0.0
    is_open, closed = True, set()
    for one in directions:
        if one.cost <= left and one.module not in closed:
            chosen.append(one)
            left -= one.cost
            bound += one.energy if is_open else 0.0
            continue
        if is_open:
            bound += one.energy * left / one.cost
            is_open = False
        closed.add(one.module)
    return chosen, bound


def _cells(directions: list[Direction], left: int) -> int:
    return len(directions) * (left // gcd(*(one.cost for one in directions)) + 1)


def _knapsack(directions: list[Direction], left: int) -> list[Direction]:
    """The exact choice by dynamic programming over the budget, in units of the costs' common divisor.

    Directions of one module cost the same, so that an optimal choice may always be taken as its leading ones.
    """
    unit = gcd(*(one.cost for one in directions))
    best = np.zeros(left // unit + 1)
    is_taken = []
    for one in directions:
        weight = one.cost // unit
        with_it = best[:-weight] + one.energy if weight < best.size else best[:0]
        is_better = np.zeros(best.size, dtype=bool)
        is_better[weight:] = with_it > best[weight:]
        best[weight:] = np.maximum(best[weight:], with_it)
        is_taken.append(np.packbits(is_better))
    chosen, room = [], best.size - 1
    for one, row in zip(reversed(directions), reversed(is_taken), strict=True):
        if row[room >> 3] >> (7 - (room & 7)) & 1:
            chosen.append(one)
            room -= one.cost // unit
    return chosen


def _check(spectra: Mapping[str, Sequence[float]], cost: Mapping[str, int], budget_bytes: int, min_rank: int) -> None:
    if set(spectra) != set(cost):
        raise ValueError(f"spectra and bytes_per_rank must agree; differing: {sorted(set(spectra) ^ set(cost))[:3]}")
    if budget_bytes < 0 or min_rank < 0:
        raise ValueError(f"budget and min_rank must not be negative; received {budget_bytes}, {min_rank}")
    for name, values in spectra.items():
        if cost[name] <= 0:
            raise ValueError(f"a rank of {name!r} must cost at least one byte; received {cost[name]}")
        if any(later > earlier for earlier, later in pairwise(values)):
            raise ValueError(f"singular values of {name!r} must be descending; received {list(values)[:4]}")
