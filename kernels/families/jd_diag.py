"""JD-Diag: joint compression of many adapters to `U diag(sigma_i) V^T`, a CP decomposition by alternating solves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, column_signs
from .basis import Basis, JointFit, diagonal_gram, project_pool, ridged
from .jd_full import fit as fit_full
from .pool import Pool, image, pack

_LARGEST_COEFFICIENT = 1e3  # of a unit update on unit columns: beyond it columns cancel each other


@dataclass
class _Run:
    """The state of one alternation and the best it has seen."""

    U: Tensor
    V: Tensor
    loss: float = float("inf")
    sweeps: int = 0
    is_converged: bool = False
    is_degenerate: bool = False


def jd_diag(
    updates: Sequence[LowRankUpdate],
    *,
    rank: int,
    weights: Sequence[float] | Tensor | None = None,
    seed: int = 0,
    restarts: int = 0,
    max_sweeps: int = 200,
    tolerance: float = 1e-6,
    progress: Callable[[int, int], None] | None = None,
) -> JointFit:
    """Minimise `sum w_i ||D_i - U diag(sigma_i) V^T||_F^2` over U (d_out, k), V (d_in, k), sigma (N, k).

    Compress then Serve (arXiv 2407.00066, section 3), which is CP/PARAFAC by alternating least squares in factor space,
    about 8 N r d k operations a sweep. There are local optima: two starts, JD-Full's basis and a random one, and
    `restarts` more random ones; the best fit is kept. A best fit need not exist: then columns grow
    against each other, which `is_degenerate` reports; `is_converged` is False when the last sweep still gained more
    than `tolerance` of the loss. Columns of U and V have unit length. ValueError for a rank below 1.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1; received {rank}")
    pool = pack(updates, weights=weights)
    full = fit_full(pool, rank, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    starts = [(_filled(full.basis.U, rank, generator), _filled(full.basis.V, rank, generator))]
    for _ in range(1 + restarts):
        starts.append((_filled(pool.P[:, :0], rank, generator), _filled(pool.Q[:, :0], rank, generator)))
    runs = []
    for turn, (U, V) in enumerate(starts):
        report = (
            (lambda done, base=turn * max_sweeps: progress(base + done, len(starts) * max_sweeps)) if progress else None
        )
        runs.append(_alternate(pool, U, V, max_sweeps, tolerance, report))
    best = min(runs, key=lambda run: run.loss)
    return _finish(pool, best, full.loss)


def _filled(U: Tensor, rank: int, generator: torch.Generator) -> Tensor:
    """U (d, k) with random unit columns added up to the rank."""
    extra = torch.randn(U.shape[0], rank - U.shape[1], generator=generator, dtype=U.dtype).to(U.device)
    return torch.cat([U, extra / torch.linalg.vector_norm(extra, dim=0)], 1)


def _alternate(
    pool: Pool, U: Tensor, V: Tensor, max_sweeps: int, tolerance: float, report: Callable[[int], None] | None
) -> _Run:
    """Alternate over sigma, U and V; keep the best sweep, and stop when gains end or columns degenerate."""
    best, before = _Run(U, V), float("inf")
    b, a = image(pool.P, U, pool.count), image(pool.Q, V, pool.count)
    for sweep in range(max_sweeps):
        loss, sigma = _coefficients(pool, U, V, b, a)
        best.sweeps = sweep + 1
        if report:
            report(sweep + 1)
        if loss < best.loss:
            best.U, best.V, best.loss = U, V, loss
        if float(sigma.abs().max()) > _LARGEST_COEFFICIENT:
            best.is_degenerate = True
            return best
        if before - loss <= max(1e-14, tolerance * loss):
            best.is_converged = True
            return best
        before = loss
        weighted = sigma * pool.weights[:, None]
        U = _solved(pool.P, a, weighted, sigma, V)
        b = image(pool.P, U, pool.count)
        sigma = _coefficients(pool, U, V, b, a)[1]
        V = _solved(pool.Q, b, sigma * pool.weights[:, None], sigma, U)
        a = image(pool.Q, V, pool.count)
    return best


def _coefficients(pool: Pool, U: Tensor, V: Tensor, b: Tensor, a: Tensor) -> tuple[float, Tensor]:
    """The loss and the best sigma (N, k) in float64 for given U and V: one solve for all adapters."""
    gram = diagonal_gram(U, V)
    matched = (b.double() * a.double()).sum(1)
    sigma = torch.linalg.solve(gram, matched.T).T
    explained = (2 * (sigma * matched).sum(1) - ((sigma @ gram) * sigma).sum(1)) * pool.weights
    return max(0.0, float(pool.weights.sum() - explained.sum())), sigma


def _solved(X: Tensor, other: Tensor, weighted: Tensor, sigma: Tensor, W: Tensor) -> Tensor:
    """`[sum w_i X_i other_i diag(sigma_i)] [(sigma^T w sigma) o (W^T W)]^-1` with columns of unit length."""
    right = X @ (other * weighted[:, None, :].to(X.dtype)).flatten(0, 1)
    gram = ridged((weighted.T @ sigma) * (W.T @ W).double())
    solved = torch.linalg.solve(gram, right.double().T).T
    lengths = torch.linalg.vector_norm(solved, dim=0)
    unit = torch.where(lengths > 0, solved / lengths.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
    return unit.to(X.dtype)


def _finish(pool: Pool, best: _Run, full_loss: float) -> JointFit:
    """Order columns by what they carry, apply the sign rule and measure every adapter without cancellation."""
    U, V = best.U * column_signs(best.U), best.V * column_signs(best.V)
    b, a = pool.images(U, V)
    _, sigma = _coefficients(pool, U, V, b, a)
    order = (sigma.square() * pool.weights[:, None]).sum(0).argsort(descending=True, stable=True)
    basis = Basis(U[:, order].contiguous(), V[:, order].contiguous(), is_diagonal=True)
    cores, errors = project_pool(basis, pool)
    errors = torch.where(pool.norms > 0, errors, 0.0)
    loss = float((errors * pool.weights).sum())
    scaled = (cores.double() * pool.norms[:, None]).to(cores.dtype)
    return JointFit(
        basis, scaled, errors, loss, 0.0, 1.0, (1.0 - full_loss, 1.0 - loss), best.is_converged, best.is_degenerate
    )  # fmt: skip
