"""One module of many adapters packed into two matrices, so that every step of a joint fit is a GEMM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, check_one_module, computing_dtype, thin_forms

_BLOCK_ELEMENTS = 1 << 22  # of one block of residuals


@dataclass(frozen=True, eq=False)
class Pool:
    """N updates of one module, each scaled to unit Frobenius norm: `D_i / ||D_i|| = P_i Q_i^T`.

    P (d_out, N r) and Q (d_in, N r) hold `U_i s_i^1/2` and `V_i s_i^1/2` of the canonical thin forms side by side,
    s (N, r) the unit singular values, norms (N,) what was divided out (0 for a zero update, whose columns are 0) and
    weights (N,) the share of each adapter in the objective; they sum to 1. Ranks are padded to the largest, r.
    """

    P: Tensor
    Q: Tensor
    s: Tensor
    norms: Tensor
    weights: Tensor

    @property
    def count(self) -> int:
        """Number of adapters, N."""
        return self.s.shape[0]

    @property
    def rank(self) -> int:
        """Columns of each adapter, r."""
        return self.s.shape[1]

    @property
    def width(self) -> int:
        """Columns in all, m = N r."""
        return self.count * self.rank

    def images(self, U: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
        """`P_i^T U` (N, r, k_out) and `Q_i^T V` (N, r, k_in): all that a fit needs of the updates."""
        return image(self.P, U, self.count), image(self.Q, V, self.count)

    def select(self, places: Sequence[int]) -> Pool:
        """The pool of some of the adapters, weights renormalised."""
        index = torch.tensor(list(places), dtype=torch.long)
        columns = (index[:, None] * self.rank + torch.arange(self.rank)).flatten().to(self.P.device)
        weights = self.weights[index]
        return Pool(self.P[:, columns], self.Q[:, columns], self.s[index], self.norms[index], _shares(weights))

    def reduced(self) -> tuple[Pool, Tensor, Tensor]:
        """The same pool in bases Q_P (d_out, m), Q_Q (d_in, m) of all columns, lossless; and these bases."""
        left, P = torch.linalg.qr(self.P)
        right, Q = torch.linalg.qr(self.Q)
        return Pool(P, Q, self.s, self.norms, self.weights), left, right


def pack(updates: Sequence[LowRankUpdate], *, weights: Sequence[float] | Tensor | None = None) -> Pool:
    """Pack the updates of one module; `weights` are the w_i of `sum w_i ||D_i - D^_i||^2`, by default 1 / ||D_i||^2.

    ValueError for no updates, unequal shapes, and weights that are negative, not finite, all zero or miscounted.
    """
    if not updates:
        raise ValueError("a pool needs at least one update; received none")
    check_one_module(updates)
    dtype = computing_dtype(*(update.dtype for update in updates))
    forms = thin_forms([update.to(dtype) for update in updates])
    device, rank = forms[0].S.device, max(1, max(form.rank for form in forms))
    count = len(updates)
    P = torch.zeros(updates[0].d_out, count, rank, dtype=dtype, device=device)
    Q = torch.zeros(updates[0].d_in, count, rank, dtype=dtype, device=device)
    s = torch.zeros(count, rank, dtype=torch.float64, device=device)
    norms = torch.tensor([form.norm() for form in forms], dtype=torch.float64, device=device)
    for place in range(count):
        form = forms[place]
        if norms[place] > 0:
            s[place, : form.rank] = form.S.double() / norms[place]
            root = s[place, : form.rank].sqrt().to(dtype)
            P[:, place, : form.rank] = form.U * root
            Q[:, place, : form.rank] = form.V * root
    return Pool(P.flatten(1), Q.flatten(1), s, norms, _objective_shares(norms, weights))


def image(X: Tensor, U: Tensor, count: int) -> Tensor:
    """`X_i^T U` (N, r, k) of X (d, N r) and U (d, k)."""
    return (X.T @ U).view(count, X.shape[1] // count, U.shape[1])


def residuals(
    pool: Pool, U: Tensor, V: Tensor, images: tuple[Tensor, Tensor], cores: Tensor | None = None
) -> Tensor:  # fmt: skip
    """`||D_i - U C_i V^T||^2 / ||D_i||^2`, (N,) float64, for orthonormal U (d_out, k_out) and V (d_in, k_in).

    `images` are those of the pool in U and V. Without `cores`, C_i is the optimal `U^T D_i V`; with it, (N, k_out,
    k_in) cores of the unit updates. A sum of three squares, so that nothing cancels:
    `||(I - UU^T) D||^2 + ||U^T D (I - VV^T)||^2 + ||U^T D V - C||^2`.
    """
    b, a = images
    errors = torch.zeros(pool.count, dtype=torch.float64, device=pool.P.device)
    step = max(1, _BLOCK_ELEMENTS // max(1, pool.rank * max(pool.P.shape[0], pool.Q.shape[0])))
    for start in range(0, pool.count, step):
        stop = min(pool.count, start + step)
        columns = slice(start * pool.rank, stop * pool.rank)
        E = pool.P[:, columns] - U @ b[start:stop].flatten(0, 1).T
        errors[start:stop] = (E.square_().sum(0).double().view(-1, pool.rank) * pool.s[start:stop]).sum(1)
        del E
        F = pool.Q[:, columns] - V @ a[start:stop].flatten(0, 1).T
        F = F.unflatten(1, (-1, pool.rank)).permute(1, 2, 0)  # (n, r, d_in)
        block = b[start:stop]
        errors[start:stop] += ((F @ F.mT) * (block @ block.mT)).double().sum((1, 2))
    if cores is not None:
        errors += ((b.mT @ a).double() - cores.double()).square().sum((1, 2))
    return errors


def _objective_shares(norms: Tensor, weights: Sequence[float] | Tensor | None) -> Tensor:
    if weights is None:
        return _shares((norms > 0).double())
    given = torch.as_tensor(weights, dtype=torch.float64, device=norms.device)
    if given.shape != norms.shape:
        raise ValueError(f"weights must be one for each of {len(norms)} updates; received {list(given.shape)}")
    if not bool(torch.isfinite(given).all()) or bool((given < 0).any()) or not bool((given > 0).any()):
        raise ValueError(f"weights must be finite, not negative and not all zero; received {given.tolist()}")
    return _shares(given * norms.square())


def _shares(values: Tensor) -> Tensor:
    total = values.sum()
    return values / total if total > 0 else values
