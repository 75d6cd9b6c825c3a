"""Nested ranks: cutting a prefix of the factors, and telling whether an adapter was trained so that this works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import Adapter, LowRankUpdate
from .report import Progress, Reduced, Report, check_adapter, compare, no_progress

_NESTED_FROM = 0.5


@dataclass(frozen=True)
class NestedEvidence:
    """How much better a prefix is than as many components drawn at random, against the best possible cut.

    score: 1 when every prefix is as good as the truncated SVD, about 0 when the order of the components means nothing.
    The relative errors, by prefix length 1 .. r - 1, are root mean squares over modules of unit norm.
    """

    score: float
    prefix_errors: tuple[float, ...]
    random_errors: tuple[float, ...]
    best_errors: tuple[float, ...]

    @property
    def is_nested(self) -> bool:
        """Whether a prefix cut keeps most of what an SVD truncation would."""
        return self.score >= _NESTED_FROM


def cut_prefix(
    adapter: Adapter, *, rank: int | Mapping[str, int], is_rescaled: bool = False, progress: Progress = no_progress
) -> Reduced:
    """Keep the first `rank` rows of A (r, d_in) and columns of B (d_out, r): A[:k], B[:, :k].

    Meant for adapters trained with nested ranks; `nested_evidence` tells, and `truncate` is the cut for all others.
    is_rescaled: multiply by r / k, for training that scales by alpha / k at rank k. DyLoRA: Valipour et al.,
    arXiv 2210.07558. ValueError for a rank below 1 or an unknown module.
    """
    check_adapter(adapter)
    if isinstance(rank, Mapping) and set(rank) != set(adapter):
        raise ValueError(f"ranks and modules must agree; differing: {sorted(set(rank) ^ set(adapter))[:3]}")
    updates, modules = {}, {}
    for done, (name, update) in enumerate(adapter.items(), start=1):
        kept = min(rank[name] if isinstance(rank, Mapping) else rank, update.rank)
        if kept < 1:
            raise ValueError(f"rank must be at least 1; received {kept} for {name!r}")
        short = LowRankUpdate(update.A[:kept].clone(), update.B[:, :kept].clone())
        updates[name] = short.scaled(update.rank / kept).to(update.dtype) if is_rescaled else short
        modules[name] = compare(update, updates[name])
        progress(done / len(adapter))
    return Reduced(updates, Report(modules))


def nested_evidence(adapter: Adapter) -> NestedEvidence:
    """Compare the squared error of every prefix with its mean over random orders and with the SVD's, over all modules.

    The update is a sum of r components `b_j a_j`; dropping a set J costs `sum_{i, j in J} G_ij`,
    `G = (B^T B) * (A A^T)` (r, r), so that the mean over random sets has a closed form. Modules count equally; those
    of rank below 2 and zero updates say nothing. ValueError when no module says anything.
    """
    check_adapter(adapter)
    gaps: dict[str, list[Tensor]] = {"prefix": [], "random": [], "best": []}
    for update in adapter.values():
        gram = (update.B.double().T @ update.B.double()) * (update.A.double() @ update.A.double().T)
        total = float(gram.sum())
        if update.rank < 2 or total <= 0.0:
            continue
        gaps["prefix"].append(_prefix_errors(gram) / total)
        gaps["random"].append(_random_errors(gram) / total)
        gaps["best"].append(_best_errors(update) / total)
    if not gaps["prefix"]:
        raise ValueError("no module has a rank of at least 2 and an update other than zero")
    prefix, random, best = (sum(float(one.sum()) for one in gaps[name]) for name in ("prefix", "random", "best"))
    possible = random - best
    score = (random - prefix) / possible if possible > 1e-9 * random else 0.0
    return NestedEvidence(score, _curve(gaps["prefix"]), _curve(gaps["random"]), _curve(gaps["best"]))


def _prefix_errors(gram: Tensor) -> Tensor:
    """`||sum_{j >= k} b_j a_j||^2` for k = 1 .. r - 1: sums of the trailing blocks of the Gram matrix."""
    trailing = gram.flip(0, 1).cumsum(0).cumsum(1).diagonal().flip(0)
    return trailing[1:].clamp(min=0.0)


def _random_errors(gram: Tensor) -> Tensor:
    """The mean of the same over all sets of k kept components."""
    rank = gram.shape[0]
    dropped = rank - torch.arange(1, rank, dtype=gram.dtype, device=gram.device)
    own, total = gram.diagonal().sum(), gram.sum()
    return (dropped / rank * own + dropped * (dropped - 1) / (rank * (rank - 1)) * (total - own)).clamp(min=0.0)


def _best_errors(update: LowRankUpdate) -> Tensor:
    squares = torch.zeros(update.rank, dtype=torch.float64, device=update.device)
    values = update.singular_values()
    squares[: values.numel()] = values.square()
    return squares.flip(0).cumsum(0).flip(0)[1:]


def _curve(errors: list[Tensor]) -> tuple[float, ...]:
    """Root mean square over the modules that have this prefix."""
    longest = max(one.numel() for one in errors)
    columns = [[float(one[place]) for one in errors if place < one.numel()] for place in range(longest)]
    return tuple((sum(column) / len(column)) ** 0.5 for column in columns)
