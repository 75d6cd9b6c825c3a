"""Seeded pools of one module's updates: half share their initial A, all write and read some planted directions."""

import torch

from kernels.lowrank import LowRankUpdate

DIRECTIONS = 24
_NOISE = 0.5  # norm of the unplanted part of B, as a share of the planted one's


def planted_pool(*, count: int, rank: int, width: int, seed: int = 0, device: str = "cpu") -> list[LowRankUpdate]:
    """`count` updates width x width of the given rank, as after LoRA training from B = 0.

    A (r, d) is its start, common to every second adapter, plus a change within 24 directions; B (d, r) lies in 24
    directions plus noise.
    """
    source = torch.Generator().manual_seed(seed)
    reads = torch.linalg.qr(torch.randn(width, DIRECTIONS, generator=source)).Q
    writes = torch.linalg.qr(torch.randn(width, DIRECTIONS, generator=source)).Q
    common = _start(rank, width, source)
    updates = []
    for place in range(count):
        start = common if place % 2 == 0 else _start(rank, width, source)
        A = start + torch.randn(rank, DIRECTIONS, generator=source) @ reads.T / DIRECTIONS**0.5
        B = writes @ torch.randn(DIRECTIONS, rank, generator=source) / DIRECTIONS**0.5
        B += torch.randn(width, rank, generator=source) * (_NOISE / width**0.5)
        updates.append(LowRankUpdate(A.to(device), B.to(device)))
    return updates


def lora_pool(*, count: int, rank: int, width: int, seed: int = 0, device: str = "cpu") -> list[LowRankUpdate]:
    """`count` independent updates width x width with Gaussian factors."""
    source = torch.Generator().manual_seed(seed)
    return [
        LowRankUpdate(
            (torch.randn(rank, width, generator=source) / width**0.5).to(device),
            (torch.randn(width, rank, generator=source) * 0.02).to(device),
        )
        for _ in range(count)
    ]


def _start(rank: int, width: int, source: torch.Generator) -> torch.Tensor:
    """A as PEFT draws it: uniform, of variance 1 / (3 d)."""
    return (torch.rand(rank, width, generator=source) * 2 - 1) / width**0.5
