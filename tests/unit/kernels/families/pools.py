"""Pools of updates for the tests of families: random, planted, and the six-line dense references."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from kernels.lowrank import LowRankUpdate

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "real_adapters"


def make_pool(
    count: int,
    rank: int,
    d_out: int,
    d_in: int,
    *,
    seed: int = 0,
    planted: int = 0,
    noise: float = 0.0,
    dtype=torch.float64,
) -> list[LowRankUpdate]:
    """Random updates, or updates within `planted` shared dimensions a side plus noise."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    if planted:
        U, V = torch.linalg.qr(normal(d_out, planted))[0], torch.linalg.qr(normal(d_in, planted))[0]
    updates = []
    for _ in range(count):
        B = U @ normal(planted, rank) + noise * normal(d_out, rank) if planted else normal(d_out, rank)
        A = normal(rank, planted) @ V.T + noise * normal(rank, d_in) if planted else normal(rank, d_in)
        updates.append(LowRankUpdate(A.to(dtype), B.to(dtype)))
    return updates


def dense(updates: list[LowRankUpdate]) -> Tensor:
    """(N, d_out, d_in) in float64."""
    return torch.stack([update.to(torch.float64).dense() for update in updates])


def relative_squared_errors(updates: list[LowRankUpdate], approximations: list[LowRankUpdate]) -> Tensor:
    """`||D - D^||^2 / ||D||^2` of dense matrices, 0 for zero updates."""
    D, D_hat = dense(updates), dense(approximations)
    squares = D.square().sum((1, 2))
    return torch.where(squares > 0, (D - D_hat).square().sum((1, 2)) / squares.clamp(min=1e-300), 0.0)


def refactored(update: LowRankUpdate, seed: int) -> LowRankUpdate:
    """The same update with unequal balance between A and B and mixed rows."""
    generator = torch.Generator().manual_seed(seed)
    G = torch.linalg.qr(torch.randn(update.rank, update.rank, generator=generator, dtype=torch.float64))[0]
    G = (G * torch.linspace(1, 8, update.rank, dtype=torch.float64)).to(update.dtype)
    return LowRankUpdate(torch.linalg.solve(G, update.A), update.B @ G)


def real(slug: str) -> Path:
    """The folder of a real adapter, or a skip that says why."""
    if not REAL.is_dir():
        pytest.skip("needs ../shared, which is not beside this checkout")
    return REAL / slug
