"""Near-duplicate search over a pool: the nearest adapters by cosine, in blocks of GEMMs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import Adapter
from .cosine import Progress, adapter_norms, inner_products, no_progress
from .grouping import joined

_BLOCK = 256  # adapters of a pool compared with at a time: bounds the stacked factors


@dataclass(frozen=True)
class Neighbour:
    """An adapter of the pool: its place, the cosine of the whole updates, and its norm over the query's."""

    index: int
    cosine: float
    norm_ratio: float


def nearest(
    pool: Sequence[Adapter],
    queries: Sequence[Adapter] | None = None,
    *,
    top_k: int = 10,
    threshold: float = -1.0,
    progress: Progress = no_progress,
) -> list[list[Neighbour]]:
    """For each query its `top_k` nearest of the pool with a cosine of at least `threshold`, nearest first.

    Without `queries` every member is asked for, and not found itself. Copies under another name, in another
    factorisation or scale have cosine 1; `norm_ratio` tells a rescaled copy. Equal cosines keep the pool's order.
    """
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1; received {top_k}")
    if not -1.0 <= threshold <= 1.0:
        raise ValueError(f"threshold is a cosine in [-1, 1]; received {threshold!r}")
    asked = pool if queries is None else queries
    pool_norms = adapter_norms(pool)
    asked_norms = pool_norms if queries is None else adapter_norms(asked)
    found: list[list[Neighbour]] = [[] for _ in asked]
    for start in range(0, len(pool), _BLOCK):
        norms = pool_norms[start : start + _BLOCK]
        scale = asked_norms[:, None] * norms
        products = inner_products(asked, pool[start : start + _BLOCK])
        cosines = torch.where(scale > 0, products / scale, 0.0).clamp(-1.0, 1.0)
        if queries is None:
            inside = torch.arange(norms.numel())
            cosines[start + inside, inside] = -2.0
        for query, row in enumerate(cosines):
            block = _best(row, norms / asked_norms[query].clamp(min=1e-300), start, top_k, threshold)
            found[query] = sorted([*found[query], *block], key=lambda one: -one.cosine)[:top_k]
        progress(min(1.0, (start + _BLOCK) / len(pool)))
    return found


def near_duplicates(
    pool: Sequence[Adapter], *, threshold: float = 0.999, progress: Progress = no_progress
) -> list[list[int]]:
    """Groups of at least two adapters joined by pairs of a cosine of at least `threshold`; places in the pool.

    Zero adapters belong to no group. Groups and members are in the pool's order.
    """
    neighbours = nearest(pool, top_k=max(1, len(pool)), threshold=threshold, progress=progress)
    pairs = [(place, one.index) for place, row in enumerate(neighbours) for one in row]
    return [group for group in joined(len(pool), pairs) if len(group) > 1]


def _best(cosines: Tensor, ratios: Tensor, start: int, top_k: int, threshold: float) -> list[Neighbour]:
    places = cosines.argsort(descending=True, stable=True)[:top_k].tolist()
    return [
        Neighbour(start + place, float(cosines[place]), float(ratios[place]))
        for place in places
        if float(cosines[place]) >= threshold
    ]
