"""EigenLoRAx: principal subspaces of one module's factors, in which a new adapter needs coefficients only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, ThinForm, check_one_module, column_signs, computing_dtype, thin_forms

_EXACT_SIDE = 512
_OVERSAMPLING, _POWER_STEPS = 8, 2


@dataclass(frozen=True, eq=False)
class EigenBasis:
    """Orthonormal components W_B (d_out, K_B) and W_A (d_in, K_A) of one module.

    Directions beyond the principal ones, the mean's when centred and those of `augmented`, are the last columns.
    energy_B, energy_A: share of the stacked factors' energy that the principal components explain.
    """

    W_B: Tensor
    W_A: Tensor
    energy_B: float = 1.0  # noqa: N815
    energy_A: float = 1.0  # noqa: N815

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of the components."""
        return (self.W_B.numel() + self.W_A.numel()) * bytes_per_value

    def project(self, update: LowRankUpdate) -> EigenMember:
        """Coefficients of an update's canonical balanced factors, and the error of what they give back."""
        return self.project_all([update])[0]

    def project_all(self, updates: Sequence[LowRankUpdate]) -> list[EigenMember]:
        """`project` of many updates, batched."""
        return [self.member_of(form) for form in thin_forms(updates)]

    def export(self, member: EigenMember) -> LowRankUpdate:
        """An ordinary LoRA with the member's rank: B = W_B L_B, A = (W_A L_A)^T, scale 1."""
        return LowRankUpdate((self.W_A @ member.L_A).T.contiguous(), self.W_B @ member.L_B)

    def augmented(self, directions: int, *, seed: int = 0) -> EigenBasis:
        """This basis with that many more orthonormal directions a side, random and orthogonal to the rest.

        Section 3.3 of arXiv 2502.04700 adds them for tasks that the family has not seen. ValueError when a side has
        no room for them.
        """
        generator = torch.Generator().manual_seed(seed)
        sides = [_augmented(W, directions, generator) for W in (self.W_B, self.W_A)]
        return EigenBasis(sides[0], sides[1], self.energy_B, self.energy_A)

    def member_of(self, form: ThinForm) -> EigenMember:
        """`project` of an update whose canonical thin form is at hand."""
        root = form.S.to(self.W_B.dtype).sqrt()
        B, A = form.U.to(self.W_B) * root, form.V.to(self.W_A) * root
        L_B, L_A = self.W_B.T @ B, self.W_A.T @ A
        missed_B, missed_A = (B - self.W_B @ L_B).double(), (A - self.W_A @ L_A).double()
        squared = (missed_B.square().sum(0) * form.S.double()).sum()
        squared += ((L_B.T @ L_B).double() * (missed_A.T @ missed_A)).sum()
        norm = form.norm()
        return EigenMember(L_B, L_A, float(squared) / norm**2 if norm > 0 else 0.0)


@dataclass(frozen=True, eq=False)
class EigenMember:
    """Loadings L_B (K_B, r), L_A (K_A, r) of one adapter, and `||D - D^||^2 / ||D||^2`."""

    L_B: Tensor
    L_A: Tensor
    relative_squared_error: float

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of the loadings: what this adapter costs beyond the basis."""
        return (self.L_B.numel() + self.L_A.numel()) * bytes_per_value


@dataclass(frozen=True, eq=False)
class EigenFit:
    """A basis fitted to N adapters of one module, and their loadings."""

    basis: EigenBasis
    members: tuple[EigenMember, ...]

    @property
    def relative_squared_errors(self) -> Tensor:
        """(N,) float64."""
        return torch.tensor([member.relative_squared_error for member in self.members], dtype=torch.float64)

    def export(self, place: int) -> LowRankUpdate:
        """One adapter as an ordinary LoRA."""
        return self.basis.export(self.members[place])

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of the basis and of all loadings."""
        return self.basis.size_bytes(bytes_per_value) + sum(one.size_bytes(bytes_per_value) for one in self.members)


def eigenlora(
    updates: Sequence[LowRankUpdate],
    *,
    components: int | None = None,
    energy: float | None = None,
    is_centred: bool = False,
    is_canonical: bool = True,
    is_normalised: bool = False,
    seed: int = 0,
) -> EigenFit:
    """Principal subspaces of the stacked factors of N updates: W_B (d_out, K) of [B_i], W_A (d_in, K) of [A_i^T].

    EigenLoRAx (arXiv 2502.04700, section 3) on canonical balanced factors, so that the result does not depend on how an
    update was factorised; never a d x d matrix. K is `components`, or the smallest that explains `energy` on each
    side. `is_centred` takes the mean column off first and keeps its direction as one more component.
    `is_canonical=False` uses the factors as they were saved, as published. `is_normalised` gives every adapter the
    same weight. ValueError for no updates, or unless exactly one of components and energy is given.
    """
    if not updates:
        raise ValueError("a basis needs at least one update; received none")
    if (components is None) == (energy is None):
        raise ValueError(f"give either components or energy; received {components!r} and {energy!r}")
    if components is not None and components < 1:
        raise ValueError(f"components must be at least 1; received {components}")
    if energy is not None and not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must be in (0, 1]; received {energy!r}")
    check_one_module(updates)
    forms = thin_forms(updates)
    sides = _stacked(updates, forms, is_canonical, is_normalised)
    W_B, energy_B = principal_subspace(sides[0], components=components, energy=energy, is_centred=is_centred, seed=seed)
    W_A, energy_A = principal_subspace(sides[1], components=components, energy=energy, is_centred=is_centred, seed=seed)
    del sides
    basis = EigenBasis(W_B, W_A, energy_B, energy_A)
    return EigenFit(basis, tuple(basis.member_of(form) for form in forms))


def principal_subspace(
    X: Tensor, *, components: int | None = None, energy: float | None = None, is_centred: bool = False, seed: int = 0
) -> tuple[Tensor, float]:
    """Leading left singular vectors (d, K) of X (d, m) and the share of energy they explain.

    By the smaller Gram matrix up to 512, else by a randomised range finder with two power steps (Halko, Martinsson,
    Tropp 2011) that grows until the energy is reached. Centred: the mean's direction is one more, last column.
    """
    mean = X.mean(1, keepdim=True) if is_centred else None
    if mean is not None:
        X = X - mean
    total = float(X.double().square().sum())
    width = min(components, *X.shape) if components is not None else min(32, *X.shape)
    while True:
        W, energies = _leading(X, width, seed)
        explained = energies.cumsum(0) / total if total > 0 else torch.ones_like(energies)
        if energy is None or width == min(X.shape) or float(explained[-1]) >= energy:
            break
        width = min(2 * width, *X.shape)
    count = width if energy is None else min(width, int((explained < energy * (1 - 1e-12)).sum()) + 1)
    W = W[:, :count]
    share = min(1.0, float(explained[count - 1])) if count else 1.0
    W = W * column_signs(W)
    if mean is not None and W.shape[1] < W.shape[0] and float(mean.norm()) > 0:
        W = torch.cat([W, _orthogonal_part(W, mean)], 1)
    return W.contiguous(), share


def _leading(X: Tensor, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """Leading directions (d, width) of X and their energies (width,) float64, descending."""
    d, m = X.shape
    if min(d, m) <= _EXACT_SIDE:
        M = X.double()
        if d <= m:
            energies, W = torch.linalg.eigh(M @ M.T)
            W = W.flip(1)[:, :width]
        else:
            energies, right = torch.linalg.eigh(M.T @ M)
            W, _ = torch.linalg.qr(M @ right.flip(1)[:, :width])
        return W.to(X.dtype), energies.flip(0)[:width].clamp(min=0.0)
    sketch_width = min(width + _OVERSAMPLING, d, m)
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(X @ torch.randn(m, sketch_width, generator=generator, dtype=X.dtype).to(X.device))
    for _ in range(_POWER_STEPS):
        Q, _ = torch.linalg.qr(X @ torch.linalg.qr(X.T @ Q)[0])
    image_of_Q = (X.T @ Q).double()
    energies, Y = torch.linalg.eigh(image_of_Q.T @ image_of_Q)
    return Q @ Y.flip(1)[:, :width].to(X.dtype), energies.flip(0)[:width].clamp(min=0.0)


def _stacked(
    updates: Sequence[LowRankUpdate], forms: Sequence[ThinForm], is_canonical: bool, is_normalised: bool
) -> tuple[Tensor, Tensor]:
    """[B_i] (d_out, m) and [A_i^T] (d_in, m) of balanced canonical factors, or of the factors as saved."""
    dtype = computing_dtype(*(update.dtype for update in updates))
    columns_B, columns_A = [], []
    for place, update in enumerate(updates):
        norm = forms[place].norm() if is_normalised else 1.0
        scale = norm**-0.5 if norm > 0 else 0.0
        if is_canonical:
            root = forms[place].S.sqrt()
            columns_B.append((forms[place].U * root * scale).to(dtype))
            columns_A.append((forms[place].V * root * scale).to(dtype))
        else:
            columns_B.append(update.B.to(dtype) * scale)
            columns_A.append(update.A.T.to(dtype) * scale)
    return torch.cat(columns_B, 1), torch.cat(columns_A, 1)


def _augmented(W: Tensor, directions: int, generator: torch.Generator) -> Tensor:
    if not 0 <= directions <= W.shape[0] - W.shape[1]:
        raise ValueError(f"directions must be from 0 to {W.shape[0] - W.shape[1]}; received {directions}")
    extra = torch.randn(W.shape[0], directions, generator=generator, dtype=W.dtype).to(W.device)
    return torch.cat([W, _orthogonal_part(W, extra)], 1)


def _orthogonal_part(W: Tensor, X: Tensor) -> Tensor:
    """Orthonormal columns (d, g) of X (d, g) after W (d, K) is projected out, twice."""
    for _ in range(2):
        X, _ = torch.linalg.qr(X - W @ (W.T @ X))
    return X
