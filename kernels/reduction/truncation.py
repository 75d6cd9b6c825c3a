"""Truncation of an adapter to a rank or to a share of its energy: the best approximation, its error known from S."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..lowrank import Adapter, LowRankUpdate, ThinForm, thin_forms
from .report import ModuleReport, Progress, Reduced, Report, check_adapter, compare, no_progress


def truncate(
    adapter: Adapter,
    *,
    rank: int | Mapping[str, int] | None = None,
    energy: float | None = None,
    dtype: torch.dtype | None = None,
    progress: Progress = no_progress,
) -> Reduced:
    """Keep of every module the leading `rank` singular values, or as many as hold the share `energy` of its norm.

    rank: one number, or one per module. energy: in (0, 1], of `||D||_F^2`. The factors are balanced: `B = U S^1/2`
    (d_out, k), `A = S^1/2 V^T` (k, d_in), in `dtype` (the adapter's own by default). No approximation of that rank is
    closer (Eckart and Young, Psychometrika 1936); the error is the tail of S, or measured where `dtype` is narrower
    than what was computed in. ValueError unless exactly one of rank and energy is given, or for an unknown module.
    """
    check_adapter(adapter)
    _check_choice(adapter, rank, energy)
    updates: dict[str, LowRankUpdate] = {}
    modules: dict[str, ModuleReport] = {}
    for done, (name, update) in enumerate(adapter.items(), start=1):
        thin = thin_forms([update])[0]
        if energy is not None:
            kept = thin.rank_at_energy(energy)
        else:
            kept = rank[name] if isinstance(rank, Mapping) else int(rank or 0)
        updates[name], modules[name] = cut(update, thin, kept, dtype or update.dtype)
        progress(done / len(adapter))
    return Reduced(updates, Report(modules))


def cut(update: LowRankUpdate, thin: ThinForm, rank: int, dtype: torch.dtype) -> tuple[LowRankUpdate, ModuleReport]:
    """The balanced best approximation of one module at `rank` in `dtype`, and its report."""
    kept = min(rank, thin.rank)
    smaller = thin.truncated(kept).as_update()
    is_exact = torch.finfo(dtype).eps <= torch.finfo(smaller.dtype).eps
    smaller = smaller.to(dtype)
    # Storing in fewer digits adds an error of its own, which the tail of S does not know.
    tail = float(thin.truncation_errors()[kept]) if is_exact and kept < thin.rank else None
    return smaller, compare(update, smaller, error=tail)


def _check_choice(adapter: Adapter, rank: int | Mapping[str, int] | None, energy: float | None) -> None:
    if (rank is None) == (energy is None):
        raise ValueError(f"give a rank or an energy, not both or none; received rank={rank!r}, energy={energy!r}")
    if energy is not None and not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must be in (0, 1]; received {energy!r}")
    if isinstance(rank, Mapping) and set(rank) != set(adapter):
        raise ValueError(f"ranks and modules must agree; differing: {sorted(set(rank) ^ set(adapter))[:3]}")
    ranks = rank.values() if isinstance(rank, Mapping) else [rank] if rank is not None else []
    for value in ranks:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"rank must be an integer of at least 0; received {value!r}")
