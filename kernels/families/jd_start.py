"""Where a joint fit starts: the truncated HOSVD with the bounds it gives, or random directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .pool import Pool

_EXACT_SIDE = 512  # up to this size the HOSVD start is exact
_OVERSAMPLING, _POWER_STEPS = 8, 1


@dataclass(frozen=True, eq=False)
class Start:
    """A start U (d_out, k_out), V (d_in, k_in); energies outside it and, of any fit, a lower bound."""

    U: Tensor
    V: Tensor
    lower_bound: float = 0.0
    upper_bound: float = 1.0


def hosvd_start(pool: Pool, rank: int, *, width: int | None = None, seed: int = 0) -> Start:
    """Leading left singular vectors of `[U_i S_i w_i^1/2]` and of `[V_i S_i w_i^1/2]`, with the bounds they give.

    The bounds are those of `rank` directions a side; `width` directions, by default as many, are returned.
    """
    column_weights = (pool.s * pool.weights[:, None]).sqrt().flatten()
    U, left, left_slack = _leading(pool.P, column_weights, rank, width or rank, seed)
    V, right, right_slack = _leading(pool.Q, column_weights, rank, width or rank, seed)
    total = float(pool.weights.sum())
    tail_left, tail_right = max(0.0, total - left), max(0.0, total - right)
    own = float((pool.s[:, min(rank, U.shape[1], V.shape[1]) :].square().sum(1) * pool.weights).sum())
    return Start(U, V, max(tail_left * left_slack, tail_right * right_slack, own), tail_left + tail_right)


def random_start(pool: Pool, rank: int, *, seed: int) -> Start:
    """Orthonormal U (d_out, k), V (d_in, k) drawn from the span of the pool's columns."""
    generator = torch.Generator().manual_seed(seed)
    sides = []
    for X in (pool.P, pool.Q):
        columns = torch.randn(X.shape[1], min(rank, *X.shape), generator=generator, dtype=X.dtype)
        sides.append(torch.linalg.qr(X @ columns.to(X.device))[0])
    return Start(sides[0], sides[1])


def _leading(X: Tensor, column_weights: Tensor, rank: int, width: int, seed: int) -> tuple[Tensor, float, float]:
    """Leading directions (d, width) of `X diag(c)`, the energy of `rank` of them, and a factor.

    The factor makes the energy's complement a lower bound.
    """
    d, m = X.shape
    rank, width = min(rank, d, m), min(width, d, m)
    c = column_weights.to(X.dtype)[:, None]
    if min(d, m) <= _EXACT_SIDE:
        M = X.double() * column_weights
        if d <= m:
            energies, Q = torch.linalg.eigh(M @ M.T)
        else:
            energies, W = torch.linalg.eigh(M.T @ M)
            Q, _ = torch.linalg.qr((M @ W).flip(1))
            Q = Q.flip(1)
        energies, Q = energies.flip(0)[:rank], Q.flip(1)[:, :width]
        return Q.to(X.dtype).contiguous(), float(energies.clamp(min=0).sum()), 1.0
    columns = min(width + _OVERSAMPLING, d, m)
    generator = torch.Generator().manual_seed(seed)
    sketch = torch.randn(m, columns, generator=generator, dtype=X.dtype).to(X.device)
    Q, _ = torch.linalg.qr(X @ (c * sketch))
    for _ in range(_POWER_STEPS):
        Z, _ = torch.linalg.qr(c * (X.T @ Q))
        Q, _ = torch.linalg.qr(X @ (c * Z))
    image_of_Q = (c * (X.T @ Q)).double()
    energies, W = torch.linalg.eigh(image_of_Q.T @ image_of_Q)
    # The randomised tail is too large by at most this factor in expectation (Halko, Martinsson, Tropp 2011, 10.4).
    slack = (1 + rank / (columns - rank - 1)) ** (-1 / (2 * _POWER_STEPS + 1))
    U = Q @ W.flip(1)[:, :width].to(X.dtype)
    return U, float(energies.flip(0)[:rank].sum()), slack
