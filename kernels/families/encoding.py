"""How the values of a family's files are stored: floats, or 8, 4 and 1 bits with a scale for each group of values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from ..formats.errors import FormatError
from ..reduction.packing import unpack_codes
from ..reduction.quantisation import pack_factor

FLOATS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
BITS = {"int8": 8, "int4": 4, "int1": 1}
ENCODINGS = (*FLOATS, *BITS)
SCALES = ".scales"


@dataclass(frozen=True)
class Encoding:
    """`dtype` is one of ENCODINGS; integers share a float16 scale among `group_size` values that follow each other.

    The value of an integer code c is `unit * scale * (c - 2**(bits - 1))`, of one bit `unit * scale * (2 c - 1)`; each
    tensor has one float32 unit.
    """

    dtype: str = "float16"
    group_size: int = 64

    def __post_init__(self) -> None:
        """ValueError for an unknown dtype or a group without values."""
        if self.dtype not in ENCODINGS:
            raise ValueError(f"dtype must be one of {', '.join(ENCODINGS)}; received {self.dtype!r}")
        if not 1 <= self.group_size <= 1 << 20:
            raise ValueError(f"group_size must be from 1 to {1 << 20}; received {self.group_size}")

    @property
    def bits(self) -> int:
        """Bits of one integer code; 0 for floats."""
        return BITS.get(self.dtype, 0)


HALF = Encoding("float16")
SINGLE = Encoding("float32")


def encode(name: str, values: Tensor, encoding: Encoding) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The tensors that hold `values` (any shape) in a file, and the unit of integer codes.

    Codes are flat: their order is that of the values, row by row. ValueError for values that are not finite, or too
    large for float16.
    """
    if encoding.dtype in FLOATS:
        stored = values.detach().cpu().to(FLOATS[encoding.dtype]).contiguous()
        if not bool(torch.isfinite(stored).all()):
            raise ValueError(f"{name!r} holds values that {encoding.dtype} cannot; choose float32")
        return {name: stored.clone()}, {}
    packed = pack_factor(values.detach().cpu().reshape(1, -1), encoding.bits, encoding.group_size)
    tensors = {name: packed.codes.clone(), name + SCALES: packed.scales.flatten().clone()}
    return tensors, {name: packed.unit}


def decode(
    name: str, tensors: Mapping[str, Tensor], units: Mapping[str, float], encoding: Encoding, shape: tuple[int, ...]
) -> Tensor:
    """The float32 values of `encode`, in `shape`; FormatError when the file's tensors are not of that many values."""
    count = prod(shape)
    stored = _named(tensors, name)
    if encoding.dtype in FLOATS:
        if stored.dtype != FLOATS[encoding.dtype] or stored.numel() != count:
            raise _unfit(name, f"{count} values of {encoding.dtype}", stored)
        return stored.float().reshape(shape)
    size = max(1, min(encoding.group_size, count))
    scales, groups = _named(tensors, name + SCALES), -(-count // size)
    if stored.dtype != torch.uint8 or stored.numel() != -(-count * encoding.bits // 8):
        raise _unfit(name, f"{count} codes of {encoding.bits} bits", stored)
    if scales.dtype != torch.float16 or scales.numel() != groups or not isinstance(units.get(name), int | float):
        raise _unfit(name + SCALES, f"{groups} float16 scales and a unit", scales)
    codes = unpack_codes(stored.flatten(), encoding.bits, count).float()
    levels = 2 * codes - 1 if encoding.bits == 1 else codes - 2 ** (encoding.bits - 1)
    spread = (scales.float() * units[name]).repeat_interleave(size)[:count]
    return (levels * spread).reshape(shape)


def _named(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise FormatError(
            "tensor_missing", f"The file lacks the tensor {name!r} that its header promises.", tensor=name
        )
    return tensors[name]


def _unfit(name: str, expected: str, received: Tensor) -> FormatError:
    found = f"{received.numel()} values of {str(received.dtype).removeprefix('torch.')}"
    return FormatError(
        "tensor_unfit", f"{name!r} must hold {expected}; received {found}.", tensor=name, expected=expected,
        received=found,
    )  # fmt: skip
