"""Small random adapters with known spectra, and the same adapters in other factorisations."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.lowrank import LowRankUpdate

DOUBLE = torch.float64


def generator(seed: int) -> torch.Generator:
    """A seeded source of numbers."""
    return torch.Generator().manual_seed(seed)


def update(seed: int, *, d_out: int = 24, d_in: int = 20, rank: int = 6, dtype: torch.dtype = DOUBLE) -> LowRankUpdate:
    """A random update whose singular values spread over a decade or so."""
    source = generator(seed)
    A = torch.randn(rank, d_in, generator=source, dtype=DOUBLE) * torch.logspace(0, -1, rank, dtype=DOUBLE)[:, None]
    B = torch.randn(d_out, rank, generator=source, dtype=DOUBLE)
    return LowRankUpdate(A.to(dtype), B.to(dtype))


def adapter(seed: int, *, modules: int = 3, dtype: torch.dtype = DOUBLE) -> dict[str, LowRankUpdate]:
    """Modules of different shapes and ranks."""
    return {
        f"layer.{at}": update(10 * seed + at, d_out=24 + 8 * at, d_in=20 + 4 * at, rank=4 + at, dtype=dtype)
        for at in range(modules)
    }


def spread_gauge(rank: int, seed: int) -> Tensor:
    """A random invertible (r, r) with condition 10."""
    source = generator(seed)
    left, _ = torch.linalg.qr(torch.randn(rank, rank, generator=source, dtype=DOUBLE))
    right, _ = torch.linalg.qr(torch.randn(rank, rank, generator=source, dtype=DOUBLE))
    return left @ torch.diag(torch.logspace(0, 1, rank, dtype=DOUBLE)) @ right


def refactored(one: LowRankUpdate, seed: int) -> LowRankUpdate:
    """The same update by other factors: `(G^-1 A, B G)`."""
    gauge = spread_gauge(one.rank, seed)
    return LowRankUpdate(torch.linalg.solve(gauge, one.A.double()), one.B.double() @ gauge)


def relative(first: Tensor, second: Tensor) -> float:
    """`||first - second|| / ||second||`."""
    return float(torch.linalg.matrix_norm(first - second) / torch.linalg.matrix_norm(second))
