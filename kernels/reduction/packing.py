"""Codes of 1, 4 and 8 bits packed into bytes, first code in the highest bits, the last byte filled up with zeros."""

from __future__ import annotations

import torch
from torch import Tensor


def pack_codes(codes: Tensor, bits: int) -> Tensor:
    """Pack unsigned codes (n,) uint8 below `2**bits` into (ceil(n bits / 8),) uint8; bits is 1, 2, 4 or 8."""
    per_byte = _per_byte(bits)
    filled = torch.nn.functional.pad(codes, (0, -codes.numel() % per_byte)).view(-1, per_byte)
    return (filled << _shifts(bits, codes.device)).sum(dim=1, dtype=torch.uint8)


def unpack_codes(packed: Tensor, bits: int, count: int) -> Tensor:
    """The first `count` codes, (count,) uint8; ValueError when the bytes hold fewer."""
    if packed.numel() * _per_byte(bits) < count:
        raise ValueError(f"{packed.numel()} bytes hold fewer than {count} codes of {bits} bits")
    codes = (packed.unsqueeze(1) >> _shifts(bits, packed.device)) & (2**bits - 1)
    return codes.flatten()[:count]


def pack_bits(flags: Tensor) -> Tensor:
    """Pack (n,) bool into (ceil(n / 8),) uint8."""
    return pack_codes(flags.to(torch.uint8), 1)


def unpack_bits(packed: Tensor, count: int) -> Tensor:
    """The first `count` flags, (count,) bool."""
    return unpack_codes(packed, 1, count).bool()


def _per_byte(bits: int) -> int:
    if bits not in (1, 2, 4, 8):
        raise ValueError(f"bits must be 1, 2, 4 or 8; received {bits!r}")
    return 8 // bits


def _shifts(bits: int, device: torch.device) -> Tensor:
    return torch.arange(8 - bits, -1, -bits, dtype=torch.uint8, device=device)
