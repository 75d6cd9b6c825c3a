"""JD-Full: joint compression of many adapters to `U Sigma_i V^T` with shared orthonormal U and V."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, column_signs
from .basis import Basis, BoundViolated, JointFit
from .jd_start import Start, hosvd_start, random_start
from .pool import Pool, image, pack, residuals

Progress = Callable[[int, int], None]
_SMALL = 1 << 20  # values of P and Q up to which a second start costs little


def jd_full(
    updates: Sequence[LowRankUpdate],
    *,
    rank: int,
    weights: Sequence[float] | Tensor | None = None,
    seed: int = 0,
    restarts: int = 0,
    max_iterations: int = 100,
    tolerance: float = 1e-5,
    progress: Progress | None = None,
) -> JointFit:
    """Minimise `sum w_i ||D_i - U Sigma_i V^T||_F^2` over shared U (d_out, k), V (d_in, k) and Sigma_i (k, k).

    Compress then Serve (arXiv 2407.00066, section 3), which is Tucker-2: alternating Rayleigh-Ritz steps in factor
    space, about 12 N r d k operations an iteration. `weights` defaults to 1 / ||D_i||^2. The start is the truncated
    HOSVD, first improved within its leading 2 k directions; `restarts` more starts are random and the best fit wins. A
    fit ends when all further iterations are expected to explain less than `tolerance` of what is left unexplained.
    Same seed and device, same bytes. `progress(iteration, max_iterations)` counts anew for each start.
    ValueError for a rank below 1; BoundViolated when the error leaves its theoretical bounds.
    """
    pool = pack(updates, weights=weights)
    return fit(
        pool, rank, seed=seed, restarts=restarts, max_iterations=max_iterations, tolerance=tolerance, progress=progress
    )


def fit(
    pool: Pool,
    rank: int,
    *,
    start: Basis | None = None,
    seed: int = 0,
    restarts: int = 0,
    max_iterations: int = 100,
    tolerance: float = 1e-5,
    progress: Progress | None = None,
) -> JointFit:
    """`jd_full` on a packed pool, from the HOSVD start or, warm, from an earlier basis of the same rank.

    Bounds, relative to the objective at zero: max(tail_L, tail_R, own) <= loss <= tail_L + tail_R, the energies outside
    the leading k directions of the stacked left and right factors, and of each adapter alone.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1; received {rank}")
    if start is None and 2 * pool.width <= min(pool.P.shape[0], pool.Q.shape[0]) and pool.width <= 8 * rank:
        core, left, right = pool.reduced()
        options = {"seed": seed, "restarts": restarts, "max_iterations": max_iterations}
        small = fit(core, rank, tolerance=tolerance, progress=progress, **options)  # type: ignore[arg-type]
        return _lifted(small, left, right)
    limits = (max_iterations, tolerance)
    starts = [Start(start.U, start.V)] if start else _first_starts(pool, rank, seed, *limits)
    starts += [random_start(pool, rank, seed=seed + 1 + turn) for turn in range(restarts)]
    runs = [_iterate(pool, one, max_iterations, tolerance, progress) for one in starts]
    U, V, captured, is_converged = max(runs, key=lambda run: run[2][-1])
    return _finish(pool, starts[0], U, V, captured, is_converged)


def _first_starts(pool: Pool, rank: int, seed: int, max_iterations: int, tolerance: float) -> list[Start]:
    """The best fit within the leading 2 k directions of either side; of small pools the leading k directions too.

    The small iterations of the former spare most of the large ones. Either may end in the better optimum.
    """
    wide = hosvd_start(pool, rank, width=2 * rank, seed=seed)
    small = Pool(wide.U.T @ pool.P, wide.V.T @ pool.Q, pool.s, pool.norms, pool.weights)
    U, V = (torch.eye(len(X), min(rank, len(X)), dtype=X.dtype, device=X.device) for X in (small.P, small.Q))
    U, V, _, _ = _iterate(small, Start(U, V), max_iterations, tolerance, None)
    starts = [Start(wide.U @ U, wide.V @ V, wide.lower_bound, wide.upper_bound)]
    if pool.P.numel() + pool.Q.numel() <= _SMALL:
        starts.append(Start(wide.U[:, :rank], wide.V[:, :rank]))
    return starts


def _iterate(
    pool: Pool, start: Start, max_iterations: int, tolerance: float, progress: Progress | None
) -> tuple[Tensor, Tensor, list[float], bool]:
    """Improve U and V in turn until the gain is small; what they capture never falls."""
    U, V = start.U, start.V
    b, a = pool.images(U, V)
    captured = [_captured(pool, b, a)]
    floor = 1e-14 if pool.P.dtype == torch.float64 else 1e-7
    last_u = last_v = None
    for iteration in range(max_iterations):
        U, b, last_u = _improved(pool.P, pool.weights, U, b, a, last_u)
        V, a, last_v = _improved(pool.Q, pool.weights, V, a, b, last_v)
        captured.append(_captured(pool, b, a))
        if progress:
            progress(iteration + 1, max_iterations)
        if _gain_to_come(captured) <= max(floor, tolerance * (1.0 - captured[-1])):
            return U, V, captured, True
    return U, V, captured, False


def _gain_to_come(captured: list[float]) -> float:
    """What all further iterations would still capture if gains go on falling as in the last two."""
    gain = captured[-1] - captured[-2]
    before = captured[-2] - captured[-3] if len(captured) > 2 else 2 * gain
    ratio = min(0.95, max(0.75, gain / before)) if before > 0 else 0.75
    return gain * ratio / (1.0 - ratio)


@dataclass(frozen=True, eq=False)
class _Step:
    """Orthonormal directions W (d, c) beside U, with their image `X_i^T W` (N, r, c)."""

    W: Tensor
    own: Tensor


def _improved(
    X: Tensor, weights: Tensor, U: Tensor, own: Tensor, other: Tensor, last: _Step | None
) -> tuple[Tensor, Tensor, _Step]:
    """The best k directions within [U, last step, gradient] for a fixed other side, their image, and this step.

    X (d, N r), U (d, k), own = X_i^T U (N, r, k), other (N, r, k'). The gradient of the captured energy is
    `sum w_i X_i other_i (own_i^T other_i)^T`. Keeping the direction of the last step makes the iteration a conjugate
    one (LOBPCG; Knyazev 2001, section 4): several times fewer passes over X, and it leaves plateaus behind. The last
    step comes with its image and is made orthogonal to U in coordinates (Hetmaniuk and Lehoucq 2006, section 4), so
    that X is passed twice, for the gradient and for its image.
    """
    k, omega = U.shape[1], weights.to(X.dtype)[:, None, None]
    seen = omega * (other @ other.mT)  # (N, r, r): the other side enters a step only through these
    gradient = X @ (seen @ own).flatten(0, 1)
    known, images = (U, own) if last is None else (torch.cat([U, last.W], 1), torch.cat([own, last.own], 2))
    fresh = _outside(known, gradient)
    space, both = torch.cat([known, fresh], 1), torch.cat([images, image(X, fresh, own.shape[0])], 2)
    energy = both.flatten(0, 1).T @ (seen @ both).flatten(0, 1)
    _, Y = torch.linalg.eigh((energy + energy.T).double())
    Y = Y.flip(1)[:, :k]
    step = torch.cat([torch.zeros_like(Y[:k]), Y[k:]])
    Z = _outside(Y, step).to(X.dtype)
    Y = Y.to(X.dtype)
    return space @ Y, both @ Y, _Step(space @ Z, both @ Z)


def _outside(space: Tensor, directions: Tensor) -> Tensor:
    """Orthonormal columns (d, <= c), orthogonal to `space` (d, s), that span what the directions (d, c) add to it."""
    room = min(directions.shape[1], space.shape[0] - space.shape[1])
    W = directions
    for _ in range(2):  # twice is enough
        W = W - space @ (space.T @ W)
        W = W / torch.linalg.vector_norm(W, dim=0).clamp(min=torch.finfo(W.dtype).tiny)
        W = torch.linalg.qr(W)[0]
    if room == directions.shape[1] and float((space.T @ W).abs().max()) < 10 * torch.finfo(W.dtype).eps:
        return W
    whole, _ = torch.linalg.qr(torch.cat([space, directions], 1))  # safe where nothing is left outside
    return whole[:, space.shape[1] :][:, :room]


def _captured(pool: Pool, b: Tensor, a: Tensor) -> float:
    """`sum w_i ||b_i^T a_i||_F^2` from r x r Gram matrices, which are smaller than the cores."""
    return float((((b @ b.mT) * (a @ a.mT)).double().sum((1, 2)) * pool.weights).sum())


def _finish(
    pool: Pool, bounds: Start, U: Tensor, V: Tensor, captured: list[float], is_converged: bool
) -> JointFit:  # fmt: skip
    """Rotate to the unique answer, project every adapter and hold the error against its bounds."""
    U, V = torch.linalg.qr(U)[0], torch.linalg.qr(V)[0]
    b, a = pool.images(U, V)
    cores = (b.mT @ a).double() * pool.weights.sqrt()[:, None, None]
    turn_u, turn_v = _turn(U, cores.transpose(0, 1).flatten(1)), _turn(V, cores.permute(2, 0, 1).flatten(1))
    basis, b, a = Basis(U @ turn_u, V @ turn_v), b @ turn_u, a @ turn_v
    unit_cores, errors = b.mT @ a, residuals(pool, basis.U, basis.V, (b, a))
    errors = torch.where(pool.norms > 0, errors, 0.0)
    loss = float((errors * pool.weights).sum())
    slack = 1e-10 if U.dtype == torch.float64 else 1e-5
    if not bounds.lower_bound * (1 - 1e-3) - slack <= loss <= bounds.upper_bound * (1 + 1e-3) + slack:
        raise BoundViolated(
            f"loss {loss:.6g} must lie in [{bounds.lower_bound:.6g}, {bounds.upper_bound:.6g}] (k = {basis.rank})"
        )
    scaled = unit_cores * pool.norms.to(unit_cores.dtype)[:, None, None]
    return JointFit(
        basis, scaled, errors, loss, bounds.lower_bound, bounds.upper_bound, tuple(captured), is_converged
    )  # fmt: skip


def _turn(U: Tensor, wide: Tensor) -> Tensor:
    """The rotation (k, k) that makes `sum C C^T` diagonal, descending, and every column's largest entry positive."""
    _, Y = torch.linalg.eigh(wide @ wide.T)
    turn = Y.flip(1).to(U.dtype)
    return turn * column_signs(U @ turn)


def _lifted(small: JointFit, left: Tensor, right: Tensor) -> JointFit:
    """A fit in reduced coordinates brought back to (d_out, k), (d_in, k), with the sign rule applied there."""
    U, V = left @ small.basis.U, right @ small.basis.V
    signs_u, signs_v = column_signs(U), column_signs(V)
    cores = small.cores * signs_u.mT * signs_v
    return JointFit(
        Basis(U * signs_u, V * signs_v), cores, small.relative_squared_errors, small.loss,
        small.lower_bound, small.upper_bound, small.captured, small.is_converged,
    )  # fmt: skip
