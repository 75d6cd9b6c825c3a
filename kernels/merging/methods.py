"""What every method takes and gives for one module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, ThinForm
from .members import Members
from .rules import RuleOptions

Alignment = Literal["permutation", "rotation"]


@dataclass(frozen=True)
class Settings:
    """The options of a merge, checked once; `generator` is this module's own."""

    generator: torch.Generator
    rule_options: RuleOptions = field(default_factory=RuleOptions)
    rank: int | None = None
    inner: str = "ties"
    alignment: Alignment = "permutation"
    inputs: Tensor | None = None
    svd_clamp: float | None = None

    @property
    def is_peft(self) -> bool:
        """Whether the result is to equal PEFT's."""
        return self.rule_options.is_peft_order


@dataclass(frozen=True)
class Merged:
    """One module's merged update; `svd_residual` is that of an iterative truncation, 0 where it was exact.

    `distance_to_sum` as in the report, where the method knows it; else it is measured afterwards.
    """

    update: LowRankUpdate
    distance_to_sum: float | None = None
    svd_residual: float = 0.0


Method = Callable[[Members, Settings], Merged]


def truncated(form: ThinForm, settings: Settings, rank: int | None) -> LowRankUpdate:
    """The best approximation of at most `rank`, balanced; like PEFT B = U S and A = V^T where that is asked for."""
    kept = form if rank is None else form.truncated(rank)
    if settings.svd_clamp is None and not settings.is_peft:
        return kept.as_update()
    B, A = kept.U * kept.S, kept.V.T.contiguous()
    if settings.svd_clamp is None:
        return LowRankUpdate(A, B)
    entries = torch.cat([B.flatten(), A.flatten()])
    # PEFT takes a quantile of signed entries, which depends on the signs of the singular vectors.
    limit = torch.quantile(entries if settings.is_peft else entries.abs(), settings.svd_clamp)
    return LowRankUpdate(torch.clamp(A, -limit, limit), torch.clamp(B, -limit, limit))
