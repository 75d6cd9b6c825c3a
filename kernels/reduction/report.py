"""What every reduction reports: relative error and bytes, per module and in total."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import torch

from ..lowrank import Adapter, LowRankUpdate

Progress = Callable[[float], None]


@dataclass(frozen=True)
class ModuleReport:
    """One module: `||D||_F`, `||D - D'||_F`, ranks and bytes of the factors before and after."""

    norm: float
    error: float
    rank_before: int
    rank_after: int
    bytes_before: int
    bytes_after: int

    @property
    def relative_error(self) -> float:
        """`||D - D'||_F / ||D||_F`, not squared; 0 for a zero update that stays zero, infinite if it does not."""
        return _ratio(self.error, self.norm)


@dataclass(frozen=True)
class Report:
    """All modules of one adapter; errors are relative Frobenius norms, not squared."""

    modules: Mapping[str, ModuleReport]

    @property
    def relative_error(self) -> float:
        """Of all modules together: `sqrt(sum ||D - D'||^2 / sum ||D||^2)`."""
        error = sqrt(sum(module.error**2 for module in self.modules.values()))
        return _ratio(error, sqrt(sum(module.norm**2 for module in self.modules.values())))

    @property
    def bytes_before(self) -> int:
        """Bytes of the factors as given."""
        return sum(module.bytes_before for module in self.modules.values())

    @property
    def bytes_after(self) -> int:
        """Bytes that the reduced adapter stores: factors, scales and masks."""
        return sum(module.bytes_after for module in self.modules.values())

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable; the metric is named."""
        return {
            "metric": "relative Frobenius error, not squared",
            "relative_error": self.relative_error,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "modules": {
                name: {
                    "relative_error": module.relative_error,
                    "rank_before": module.rank_before,
                    "rank_after": module.rank_after,
                    "bytes_before": module.bytes_before,
                    "bytes_after": module.bytes_after,
                }
                for name, module in self.modules.items()
            },
        }


@dataclass(frozen=True)
class Reduced:
    """A smaller adapter: `updates` is an ordinary LoRA (module -> LowRankUpdate) that any writer exports."""

    updates: dict[str, LowRankUpdate]
    report: Report = field(repr=False)

    def for_export(self) -> dict[str, LowRankUpdate]:
        """The modules that a LoRA file can hold: those of rank 0 change nothing and are left out."""
        return {name: update for name, update in self.updates.items() if update.rank}


def size_bytes(update: LowRankUpdate) -> int:
    """Bytes of A and B in their own dtype."""
    return update.A.numel() * update.A.element_size() + update.B.numel() * update.B.element_size()


def distance(first: LowRankUpdate, second: LowRankUpdate) -> float:
    """`||D_1 - D_2||_F` without forming either: the norm of `[B_1, -B_2] [A_1; A_2]`, QR and SVD in float64.

    A (r, d_in), B (d_out, r), ranks may differ. No cancellation of squares: exact to about 1e-16 of `||D_1||`.
    """
    if (first.d_out, first.d_in) != (second.d_out, second.d_in):
        shapes = [(first.d_out, first.d_in), (second.d_out, second.d_in)]
        raise ValueError(f"updates of one module have one (d_out, d_in); received {shapes}")
    B = torch.cat([first.B.double(), -second.B.double()], dim=1)
    A = torch.cat([first.A.double(), second.A.double()], dim=0)
    return LowRankUpdate(A, B).norm()


def compare(
    before: LowRankUpdate, after: LowRankUpdate, *, bytes_after: int | None = None, error: float | None = None
) -> ModuleReport:
    """The report of one module; `error` where it is known, else it is measured; `bytes_after` of packed forms."""
    return ModuleReport(
        norm=before.norm(),
        error=distance(before, after) if error is None else error,
        rank_before=before.rank,
        rank_after=after.rank,
        bytes_before=size_bytes(before),
        bytes_after=size_bytes(after) if bytes_after is None else bytes_after,
    )


def check_adapter(adapter: Adapter) -> None:
    """ValueError unless there is at least one module and every value is a LowRankUpdate."""
    if not adapter:
        raise ValueError("an adapter has at least one module; received none")
    for name, update in adapter.items():
        if not isinstance(update, LowRankUpdate):
            raise ValueError(f"module {name!r} must be a LowRankUpdate; received {type(update).__name__}")


def no_progress(_: float) -> None:
    """Tell nobody."""


def _ratio(error: float, norm: float) -> float:
    if norm > 0.0:
        return error / norm
    return 0.0 if error == 0.0 else float("inf")
