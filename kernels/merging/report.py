"""What a merge gives back: the merged adapter, and per module what happened to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..lowrank import LowRankUpdate
from .members import Members, stacked
from .methods import Merged


@dataclass(frozen=True)
class ModuleReport:
    """One merged module.

    `distance_to_sum` is `||M - sum w_i D_i||_F / ||sum w_i D_i||_F`: 0 for an exact sum, the truncation error of a
    truncated one, and for other methods how far they go from plain addition (None when the sum is zero).
    `svd_residual` is above 0 where an iterative SVD met a flat spectrum.
    """

    rank: int
    norm: float
    n_members: int
    distance_to_sum: float | None
    svd_residual: float


@dataclass(frozen=True)
class MergeReport:
    """How the adapter came about; JSON-serialisable as a whole by `as_dict`."""

    method: str
    weights: tuple[float, ...]
    compat: str | None
    seed: int
    notes: tuple[str, ...]
    modules: dict[str, ModuleReport]

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and texts."""
        return {**asdict(self), "weights": list(self.weights), "notes": list(self.notes)}


@dataclass(frozen=True)
class MergeResult:
    """A merged adapter, module path -> update with the scale folded in, and the report."""

    adapter: dict[str, LowRankUpdate]
    report: MergeReport


def describe(result: Merged, members: Members) -> ModuleReport:
    """Measure a merged update against the exact weighted sum of its members, all in factor space."""
    merged, distance = result.update, result.distance_to_sum
    if distance is None and members.updates:
        addends = [update.to(torch.float64) for update in members.weighted()]
        total = stacked(addends).norm()
        distance = stacked([*addends, -merged.to(torch.float64)]).norm() / total if total > 0.0 else None
    return ModuleReport(merged.rank, merged.norm(), len(members.updates), distance, result.svd_residual)
