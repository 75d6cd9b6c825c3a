"""The results of joint fits: a shared basis of one module, its members' coefficients, errors and bytes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate
from .pool import Pool, pack, residuals


class BoundViolated(ArithmeticError):
    """A fit's error lies outside what theory allows: a defect of the numerics, never of the data."""


@dataclass(frozen=True, eq=False)
class Member:
    """One adapter in a basis: its core, (k_out, k_in) or for diagonal bases (k,), and what the basis misses of it."""

    core: Tensor
    relative_squared_error: float

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes stored for this adapter beyond the basis."""
        return self.core.numel() * bytes_per_value


@dataclass(frozen=True, eq=False)
class Basis:
    """Shared U (d_out, k_out) and V (d_in, k_in) of one module: every update is `U C V^T`; immutable, a version.

    Orthonormal columns, unless `is_diagonal`: then columns have unit length, k_out = k_in and C is diagonal.
    """

    U: Tensor
    V: Tensor
    is_diagonal: bool = False

    @property
    def rank(self) -> int:
        """Shared rank k, the rank of an exported member."""
        return min(self.U.shape[1], self.V.shape[1])

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of U and V."""
        return (self.U.numel() + self.V.numel()) * bytes_per_value

    def project(self, update: LowRankUpdate) -> Member:
        """The best coefficients of a new update (d_out, d_in) in this basis, 4 r d k operations, and its error.

        The basis stays as it is; whoever keeps a pool refuses an update above its error limit.
        """
        if (update.d_out, update.d_in) != (self.U.shape[0], self.V.shape[0]):
            raise ValueError(
                f"the basis is for updates of {self.U.shape[0]} x {self.V.shape[0]}; "
                f"received {update.d_out} x {update.d_in}"
            )
        pool = pack([update.to(self.U.dtype, self.U.device)])
        cores, errors = project_pool(self, pool)
        return Member(cores[0] * pool.norms[0].to(cores.dtype), float(errors[0]))

    def export(self, core: Tensor) -> LowRankUpdate:
        """A member as an ordinary LoRA of rank k: B = U C, A = V^T, scale 1 (section 2 of arXiv 2407.00066)."""
        if self.is_diagonal:
            return LowRankUpdate(self.V.T.contiguous(), self.U * core)
        if self.U.shape[1] < self.V.shape[1]:
            return LowRankUpdate(core @ self.V.T, self.U.contiguous())
        return LowRankUpdate(self.V.T.contiguous(), self.U @ core)


@dataclass(frozen=True, eq=False)
class JointFit:
    """A basis fitted to N adapters of one module.

    cores: (N, k_out, k_in), or (N, k) for diagonal bases, in the scale of the updates.
    relative_squared_errors: (N,) float64, `||D - D^||^2 / ||D||^2`, 0 for zero updates.
    loss: the objective as a share of its value at D^ = 0; lower_bound and upper_bound hold it from both sides (of any
    fit, and of the first step; see `jd_full.fit`). captured: share of the objective explained after each step.
    """

    basis: Basis
    cores: Tensor
    relative_squared_errors: Tensor
    loss: float
    lower_bound: float = 0.0
    upper_bound: float = 1.0
    captured: tuple[float, ...] = ()
    is_converged: bool = True
    is_degenerate: bool = False

    @property
    def mean_relative_squared_error(self) -> float:
        """Mean over the adapters: the figure that papers quote."""
        return float(self.relative_squared_errors.mean())

    def member(self, place: int) -> Member:
        """Coefficients and error of one adapter."""
        return Member(self.cores[place], float(self.relative_squared_errors[place]))

    def export(self, place: int) -> LowRankUpdate:
        """One adapter as an ordinary LoRA."""
        return self.basis.export(self.cores[place])

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of the basis and of all members."""
        return self.basis.size_bytes(bytes_per_value) + self.cores.numel() * bytes_per_value


def project_pool(basis: Basis, pool: Pool) -> tuple[Tensor, Tensor]:
    """Cores of the pool's unit updates and their relative squared errors (N,) float64."""
    if basis.is_diagonal:
        return _project_diagonal(basis, pool)
    b, a = pool.images(basis.U, basis.V)
    return b.mT @ a, residuals(pool, basis.U, basis.V, (b, a))


def diagonal_gram(U: Tensor, V: Tensor) -> Tensor:
    """`(U^T U) o (V^T V)` (k, k) in float64, with the ridge of `ridged`."""
    return ridged((U.T @ U).double() * (V.T @ V).double())


def ridged(gram: Tensor, ridge: float = 1e-9) -> Tensor:
    """A Gram matrix (k, k) that can be solved with: `ridge` of its mean diagonal is added, or 1 when it is zero."""
    mean = gram.diagonal().mean()
    shift = torch.where(mean > 0, ridge * mean, 1.0)
    return gram + shift * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)


def _project_diagonal(basis: Basis, pool: Pool) -> tuple[Tensor, Tensor]:
    b, a = pool.images(basis.U, basis.V)
    matched = (b.double() * a.double()).sum(1)
    cores = torch.linalg.solve(diagonal_gram(basis.U, basis.V), matched.T).T
    Qu, Ru = torch.linalg.qr(basis.U)
    Qv, Rv = torch.linalg.qr(basis.V)
    lifted = (Ru.double() * cores[:, None, :]) @ Rv.double().T
    return cores.to(basis.U.dtype), residuals(pool, Qu, Qv, pool.images(Qu, Qv), lifted)
