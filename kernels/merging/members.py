"""What is merged, module by module: the updates that take part, their weights, and the checks at the edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import torch

from ..lowrank import Adapter, LowRankUpdate, computing_dtype

Scales = Sequence[float | Mapping[str, float]]


@dataclass(frozen=True)
class Members:
    """The updates of one module, all (d_out, d_in) on one device, with one weight each.

    `places` are their adapters' numbers; `dtype` is the one to compute in. `scales` are the LoRA scales that are
    folded into every B; only equality with PEFT on raw factors needs them.
    """

    module: str
    places: tuple[int, ...]
    updates: tuple[LowRankUpdate, ...]
    weights: tuple[float, ...]
    scales: tuple[float, ...] | None
    d_out: int
    d_in: int
    dtype: torch.dtype
    device: torch.device

    @property
    def rank(self) -> int:
        """Largest rank of a member, at least 1."""
        return max([1, *(update.rank for update in self.updates)])

    def weighted(self) -> list[LowRankUpdate]:
        """`w_i D_i` of every member."""
        return [update.scaled(weight) for update, weight in zip(self.updates, self.weights, strict=True)]


def checked_weights(adapters: Sequence[Adapter], weights: Sequence[float]) -> list[float]:
    """One finite weight per adapter; ValueError otherwise (PEFT cuts the adapters to the shorter list, silently)."""
    if not adapters:
        raise ValueError("adapters must name at least one adapter; received none")
    if len(weights) != len(adapters):
        raise ValueError(f"weights must be one per adapter: {len(adapters)} adapters, received {len(weights)} weights")
    numbers = [float(weight) for weight in weights]
    if not all(isfinite(number) for number in numbers):
        raise ValueError(f"weights must be finite; received {numbers}")
    return numbers


def modules_of(adapters: Sequence[Adapter]) -> list[str]:
    """Every module of any adapter, in the order of first appearance."""
    return list(dict.fromkeys(module for adapter in adapters for module in adapter))


def members_of(
    adapters: Sequence[Adapter],
    weights: Sequence[float],
    module: str,
    *,
    scales: Scales | None = None,
    keep_idle: bool = False,
) -> Members:
    """The members of one module. An adapter without the module is a zero update and takes no part.

    So do those of weight 0 and those whose product is zero, unless `keep_idle` (PEFT lets them vote).
    ValueError when shapes disagree, or a factor holds NaN or infinity.
    """
    present = [place for place, adapter in enumerate(adapters) if module in adapter]
    shapes = sorted({(adapters[place][module].d_out, adapters[place][module].d_in) for place in present})
    if len(shapes) != 1:
        raise ValueError(f"module {module!r} must have one (d_out, d_in) in all adapters; received {shapes}")
    devices = {adapters[place][module].device for place in present}
    if len(devices) > 1:
        raise ValueError(
            f"module {module!r} must be on one device in all adapters; received {sorted(map(str, devices))}"
        )
    everywhere = present
    for place in present:
        _check_finite(adapters[place][module], module, place)
    if not keep_idle:
        present = [place for place in present if weights[place] != 0.0 and not _is_zero(adapters[place][module])]
    return Members(
        module,
        tuple(present),
        tuple(adapters[place][module] for place in present),
        tuple(weights[place] for place in present),
        None if scales is None else tuple(_scale_at(scales, place, module) for place in present),
        *shapes[0],
        computing_dtype(*(adapters[place][module].dtype for place in everywhere)),
        devices.pop(),
    )


def stacked(updates: Sequence[LowRankUpdate]) -> LowRankUpdate:
    """`sum D_i` exactly, as one update of rank `m = sum r_i`: A (m, d_in), B (d_out, m)."""
    dtype = updates[0].dtype
    for update in updates[1:]:
        dtype = torch.promote_types(dtype, update.dtype)
    return LowRankUpdate(
        torch.cat([update.A.to(dtype) for update in updates]),
        torch.cat([update.B.to(dtype) for update in updates], dim=1),
    )


def zero_update(members: Members, rank: int = 1) -> LowRankUpdate:
    """`D = 0` of the module's shape, dtype and device."""
    A = torch.zeros(rank, members.d_in, dtype=members.dtype, device=members.device)
    return LowRankUpdate(A, A.new_zeros(members.d_out, rank))


def _scale_at(scales: Scales, place: int, module: str) -> float:
    entry = scales[place]
    value = float(entry[module] if isinstance(entry, Mapping) else entry)
    if not isfinite(value) or value == 0.0:
        raise ValueError(f"scales must be finite and not 0; received {value} for adapter {place}, module {module!r}")
    return value


def _check_finite(update: LowRankUpdate, module: str, place: int) -> None:
    if not bool(torch.isfinite(update.A).all() and torch.isfinite(update.B).all()):
        raise ValueError(f"factors must be finite; received NaN or infinity in adapter {place}, module {module!r}")


def _is_zero(update: LowRankUpdate) -> bool:
    return update.rank == 0 or not bool(update.A.any()) or not bool(update.B.any())
