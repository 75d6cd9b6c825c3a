"""Individual SVD: every adapter truncated by itself, the yardstick for joint compression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, ThinForm, thin_forms


@dataclass(frozen=True, eq=False)
class IndividualFit:
    """Truncated thin forms of N adapters of one module and their errors (N,), float64."""

    members: tuple[ThinForm, ...]
    relative_squared_errors: Tensor

    @property
    def mean_relative_squared_error(self) -> float:
        """Mean over the adapters."""
        return float(self.relative_squared_errors.mean())

    def export(self, place: int) -> LowRankUpdate:
        """One adapter as an ordinary LoRA with balanced factors."""
        return self.members[place].as_update()

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of all factors, k (d_out + d_in) an adapter."""
        return sum(form.U.numel() + form.V.numel() for form in self.members) * bytes_per_value


def individual_svd(
    updates: Sequence[LowRankUpdate], *, rank: int | None = None, energy: float | None = None
) -> IndividualFit:
    """Best approximation of each update alone, to a rank or to a share of its squared norm (Eckart and Young, 1936).

    Factors stay as they are in shape: U (d_out, k), V (d_in, k). ValueError unless exactly one of the two is given.
    """
    if (rank is None) == (energy is None):
        raise ValueError(f"give either rank or energy; received rank={rank!r}, energy={energy!r}")
    if rank is not None and rank < 0:
        raise ValueError(f"rank must not be negative; received {rank}")
    members, errors = [], []
    for form in thin_forms(updates):
        kept = form.rank_at_energy(energy) if energy is not None else min(int(rank or 0), form.rank)
        tails = form.truncation_errors().square()
        members.append(form.truncated(kept))
        errors.append(float(tails[kept] / tails[0]) if float(tails[0]) > 0 else 0.0)
    return IndividualFit(tuple(members), torch.tensor(errors, dtype=torch.float64))
