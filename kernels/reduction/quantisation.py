"""Factors in 8, 4 or 1 bit with closed-form scales per group: packed, read back, error reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..lowrank import Adapter, LowRankUpdate, thin_forms
from .packing import pack_codes, unpack_codes
from .report import ModuleReport, Progress, Reduced, Report, check_adapter, compare, no_progress

_CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6)  # of a group's largest value: where the grid of 4 and 8 bits may end
_REFITS = 3  # rounds of codes for scales, scales for codes


@dataclass(frozen=True, eq=False)
class PackedFactor:
    """One factor, long side last: codes of a matrix (r, d), packed, and one scale per `group_size` entries of a row.

    `scales` are float16 shares of `unit`, (r, ceil(d / group_size)). The value of an entry is
    `unit * scale * level(code)`, level = +-1 for 1 bit and `code - 2**(bits - 1)` for 4 and 8.
    """

    shape: tuple[int, int]
    bits: int
    group_size: int
    codes: Tensor
    scales: Tensor
    unit: float

    def dense(self) -> Tensor:
        """The matrix (r, d), float32."""
        rows, columns = self.shape
        levels = _levels(unpack_codes(self.codes, self.bits, rows * columns).view(rows, columns), self.bits)
        return levels * _spread(self.scales.float() * self.unit, self.group_size, columns)

    @property
    def size_bytes(self) -> int:
        """Bytes of codes, scales and the float32 unit."""
        return self.codes.numel() + 2 * self.scales.numel() + 4


@dataclass(frozen=True)
class QuantisedAdapter(Reduced):
    """A quantised adapter: `factors` are what is stored (A and B^T by module), `updates` the same in float32."""

    factors: dict[str, tuple[PackedFactor, PackedFactor]] = field(repr=False)

    def tensors(self) -> dict[str, Tensor]:
        """What a safetensors file of the packed form holds."""
        return {
            f"{name}.lora_{side}.{part}": value
            for name, pair in self.factors.items()
            for side, factor in zip("AB", pair, strict=True)
            for part, value in (
                ("codes", factor.codes),
                ("scales", factor.scales),
                ("unit", torch.tensor(factor.unit)),
                ("layout", torch.tensor([*factor.shape, factor.bits, factor.group_size])),
            )
        }


def quantise(
    adapter: Adapter,
    *,
    bits: int,
    group_size: int | None = 64,
    is_balanced: bool = True,
    progress: Progress = no_progress,
) -> QuantisedAdapter:
    """Store the factors in `bits` (1, 4 or 8) a value, with one scale for `group_size` values of a rank's row.

    is_balanced: quantise `U S^1/2` and `S^1/2 V^T` of the canonical form, which are the same for every factorisation
    and cost no error, instead of the factors as they are. group_size=None: one scale per row of A (r, d_in) and of
    B^T (r, d_out). 1 bit: sign and mean magnitude, the scale of least squared error for those signs (Jie et al.,
    "precision redundancy", arXiv 2307.16867, with the group's mean in place of the normal's). 4 and 8
    bits: symmetric grids whose scale `<x, q> / <q, q>` and codes are refitted in turn, of the best of five clips.
    """
    check_adapter(adapter)
    if bits not in (1, 4, 8):
        raise ValueError(f"bits must be 1, 4 or 8; received {bits!r}")
    if group_size is not None and group_size < 1:
        raise ValueError(f"group_size must be at least 1 or None; received {group_size!r}")
    factors: dict[str, tuple[PackedFactor, PackedFactor]] = {}
    updates: dict[str, LowRankUpdate] = {}
    modules: dict[str, ModuleReport] = {}
    for done, (name, update) in enumerate(adapter.items(), start=1):
        source = thin_forms([update])[0].as_update() if is_balanced else update
        a, b = pack_factor(source.A, bits, group_size), pack_factor(source.B.T, bits, group_size)
        factors[name], updates[name] = (a, b), _unpacked(a, b)
        modules[name] = compare(update, updates[name], bytes_after=a.size_bytes + b.size_bytes)
        progress(done / len(adapter))
    return QuantisedAdapter(updates=updates, report=Report(modules), factors=factors)


def quantised_from_tensors(tensors: Mapping[str, Tensor]) -> dict[str, LowRankUpdate]:
    """The float32 adapter that `QuantisedAdapter.tensors` described; KeyError when a part is missing."""
    names = sorted({key.rpartition(".lora_")[0] for key in tensors})
    return {name: _unpacked(*(_read(tensors, f"{name}.lora_{side}") for side in "AB")) for name in names}


def pack_factor(matrix: Tensor, bits: int, group_size: int | None) -> PackedFactor:
    """Quantise one matrix (r, d) along its rows; ValueError when it is not finite."""
    values = matrix.detach().float()
    if not bool(torch.isfinite(values).all()):
        raise ValueError("factors must be finite; received NaN or infinity")
    rows, columns = values.shape
    size = max(1, columns if group_size is None else min(group_size, columns))
    groups, counts = _grouped(values, size)
    scales = groups.abs().sum(-1) / counts if bits == 1 else _best_scales(groups, bits)
    unit = float(scales.max()) if scales.numel() and float(scales.max()) > 0 else 1.0
    shares = (scales / unit).half()
    # The codes are chosen for the scales as they are stored, so that rounding those costs nothing twice.
    codes = _codes(values, _spread(shares.float() * unit, size, columns), bits)
    return PackedFactor((rows, columns), bits, size, pack_codes(codes.flatten(), bits), shares, unit)


def _unpacked(a: PackedFactor, b: PackedFactor) -> LowRankUpdate:
    return LowRankUpdate(a.dense(), b.dense().T.contiguous())


def _read(tensors: Mapping[str, Tensor], key: str) -> PackedFactor:
    rows, columns, bits, group_size = tensors[f"{key}.layout"].tolist()
    codes, scales = tensors[f"{key}.codes"], tensors[f"{key}.scales"]
    return PackedFactor((rows, columns), bits, group_size, codes, scales, float(tensors[f"{key}.unit"]))


def _grouped(values: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows cut into groups (r, g, size), the last filled up with zeros, and how many entries each really has (g,)."""
    columns = values.shape[1]
    groups = torch.nn.functional.pad(values, (0, -columns % size)).unflatten(1, (-1, size))
    starts = torch.arange(groups.shape[1], device=values.device) * size
    return groups, (columns - starts).clamp(max=size)


def _spread(scales: Tensor, size: int, columns: int) -> Tensor:
    """One scale per entry (r, d) from one per group (r, g)."""
    return scales.repeat_interleave(size, dim=1)[:, :columns]


def _best_scales(groups: Tensor, bits: int) -> Tensor:
    """The scale of least squared error found for each group of (r, g, size), over clips and refits."""
    top = 2 ** (bits - 1) - 1
    largest = groups.abs().amax(-1)
    best, least = torch.zeros_like(largest), groups.square().sum(-1)
    for clip in _CLIPS:
        scale = largest * clip / top
        for _ in range(_REFITS):
            levels = _round(groups, scale.unsqueeze(-1), top)
            squares = levels.square().sum(-1)
            scale = torch.where(squares > 0, (groups * levels).sum(-1) / squares.clamp(min=1), scale)
        error = (groups - levels * scale.unsqueeze(-1)).square().sum(-1)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    return best


def _round(values: Tensor, scale: Tensor, top: int) -> Tensor:
    return torch.where(scale > 0, values / scale, 0.0).round().clamp(-top, top)


def _codes(values: Tensor, scale: Tensor, bits: int) -> Tensor:
    if bits == 1:
        return (values >= 0).to(torch.uint8)
    half = 2 ** (bits - 1)
    return (_round(values, scale, half - 1) + half).to(torch.uint8)


def _levels(codes: Tensor, bits: int) -> Tensor:
    return 2.0 * codes.float() - 1.0 if bits == 1 else codes.float() - 2 ** (bits - 1)
