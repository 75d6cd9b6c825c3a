"""Cosines between whole updates, all pairs as GEMMs in factor space."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import lowrank
from ..lowrank import Adapter

Progress = Callable[[float], None]


def no_progress(_: float) -> None:
    """Tell nobody."""


def inner_products(
    adapters: Sequence[Adapter], others: Sequence[Adapter] | None = None, *, progress: Progress = no_progress
) -> Tensor:
    """`sum over modules <D_i, D_j>` of all pairs, (N, M) float64 on the CPU; among `adapters` without `others`.

    One module after the other: two GEMMs each, 2 (d_in + d_out) r^2 operations a pair. A module that one of the two
    lacks is a zero update there. Mixed ranks are allowed; ValueError when a module's (d_out, d_in) differ.
    """
    columns = adapters if others is None else others
    total = torch.zeros(len(adapters), len(columns), dtype=torch.float64)
    names = module_names([*adapters, *columns])
    for done, name in enumerate(names, start=1):
        rows = [place for place, adapter in enumerate(adapters) if name in adapter]
        left = [adapters[place][name] for place in rows]
        if others is None:
            across, right = rows, None
        else:
            across = [place for place, adapter in enumerate(others) if name in adapter]
            right = [others[place][name] for place in across]
        if rows and across:
            total[torch.tensor(rows)[:, None], torch.tensor(across)] += _products(name, left, right)
        progress(done / len(names))
    return total


def cosine_similarities(
    adapters: Sequence[Adapter], others: Sequence[Adapter] | None = None, *, progress: Progress = no_progress
) -> Tensor:
    """Cosine between whole adapters, (N, M) float64 in [-1, 1]: `<D_i, D_j> / (||D_i|| ||D_j||)` over all modules.

    Norms count every module, also those the other lacks. A zero adapter has cosine 0 with all, itself included.
    """
    products = inner_products(adapters, others, progress=progress)
    rows = adapter_norms(adapters)
    columns = rows if others is None else adapter_norms(others)
    scale = rows[:, None] * columns
    return torch.where(scale > 0, products / scale, 0.0).clamp(-1.0, 1.0)


def adapter_norms(adapters: Sequence[Adapter]) -> Tensor:
    """Frobenius norms over all modules, (N,) float64."""
    squares = torch.zeros(len(adapters), dtype=torch.float64)
    for name in module_names(adapters):
        rows = [place for place, adapter in enumerate(adapters) if name in adapter]
        squares[torch.tensor(rows)] += lowrank.norms([adapters[place][name] for place in rows]).square()
    return squares.sqrt()


def module_names(adapters: Sequence[Adapter]) -> list[str]:
    """Names of all modules of a pool, sorted."""
    return sorted({name for adapter in adapters for name in adapter})


def _products(name: str, left: list[lowrank.LowRankUpdate], right: list[lowrank.LowRankUpdate] | None) -> Tensor:
    try:
        return lowrank.inner_products(left, right).cpu()
    except ValueError as problem:
        raise ValueError(f"module {name!r}: {problem}") from problem
