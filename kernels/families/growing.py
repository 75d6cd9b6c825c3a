"""Share: a basis that grows with every adapter and keeps only coefficients of those it has seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, column_signs, thin_forms
from .eigenlora import EigenBasis, EigenMember


@dataclass
class GrowingBasis:
    """Components of at most `components` directions a side of one module, updated one adapter at a time.

    Share (arXiv 2602.06043, section 3): project the new adapter, keep the residual's directions, take the SVD again and
    express the earlier loadings in the new components. The originals are not kept: a member's
    `relative_squared_error` is exact when it is added and an upper bound after later changes.
    """

    d_out: int
    d_in: int
    components: int
    basis: EigenBasis = field(init=False)
    members: list[EigenMember] = field(default_factory=list, init=False)
    _norms: list[float] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Start empty; ValueError for sizes below 1."""
        if min(self.d_out, self.d_in, self.components) < 1:
            raise ValueError(f"sizes must be at least 1; received {(self.d_out, self.d_in, self.components)}")
        self.basis = EigenBasis(torch.zeros(self.d_out, 0), torch.zeros(self.d_in, 0))

    def add(self, update: LowRankUpdate) -> EigenMember:
        """Take in one update (d_out, d_in); returns its member. Its place in `members` is the order of adding."""
        if (update.d_out, update.d_in) != (self.d_out, self.d_in):
            raise ValueError(f"expected {self.d_out} x {self.d_in}; received {update.d_out} x {update.d_in}")
        form = thin_forms([update])[0]
        dtype = torch.promote_types(form.S.dtype, self.basis.W_B.dtype)
        root = form.S.to(dtype).sqrt()
        old_B = [member.L_B.to(dtype) for member in self.members]
        old_A = [member.L_A.to(dtype) for member in self.members]
        W_B, L_B = _grown(self.basis.W_B.to(form.S.device, dtype), old_B, form.U.to(dtype) * root, self.components)
        W_A, L_A = _grown(self.basis.W_A.to(form.S.device, dtype), old_A, form.V.to(dtype) * root, self.components)
        before = self.basis
        self.basis = EigenBasis(W_B, W_A)
        for place, member in enumerate(self.members):
            moved = EigenMember(L_B[place], L_A[place], 0.0)
            bound = self._bound(place, before.export(member), self.basis.export(moved))
            self.members[place] = EigenMember(moved.L_B, moved.L_A, bound)
        added = self.basis.project(update.to(dtype))
        self.members.append(added)
        self._norms.append(form.norm())
        return added

    def export(self, place: int) -> LowRankUpdate:
        """One adapter, as the basis now gives it back, as an ordinary LoRA."""
        return self.basis.export(self.members[place])

    def _bound(self, place: int, before: LowRankUpdate, after: LowRankUpdate) -> float:
        """The triangle inequality, from the earlier error and from zero, whichever says more."""
        norm = self._norms[place]
        if norm == 0.0:
            return 0.0
        earlier = self.members[place].relative_squared_error ** 0.5
        return min(earlier + _distance(before, after) / norm, 1.0 + after.norm() / norm) ** 2

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of the components and of all loadings."""
        members = sum(member.size_bytes(bytes_per_value) for member in self.members)
        return self.basis.size_bytes(bytes_per_value) + members


def _grown(W: Tensor, loadings: list[Tensor], X: Tensor, components: int) -> tuple[Tensor, list[Tensor]]:
    """New components (d, <= components) of everything seen, and the earlier loadings in them.

    Everything seen is `[W L_1, .., W L_n, X]` = [W Q] M with Q the residual directions of X (d, r): the SVD of the
    small M gives that of the whole (incremental SVD; Brand, 2002).
    """
    inside = W.T @ X
    residual = X - W @ inside
    correction = W.T @ residual
    inside, residual = inside + correction, residual - W @ correction
    room = min(X.shape[1], W.shape[0] - W.shape[1])
    directions, sizes, Y = torch.linalg.svd(residual, full_matrices=False)
    kept = min(room, int((sizes > 4 * torch.finfo(X.dtype).eps * max(1e-30, float(X.norm()))).sum()))
    Q = directions[:, :kept]
    outside = sizes[:kept, None] * Y[:kept]
    wide = torch.cat([W, Q], 1)
    earlier = [torch.cat([L, L.new_zeros(kept, L.shape[1])]) for L in loadings]
    M = torch.cat([*earlier, torch.cat([inside, outside])], 1).double()
    energies, turn = torch.linalg.eigh(M @ M.T)
    turn = turn.flip(1)[:, : min(components, len(turn))]
    turn = turn[:, energies.flip(0)[: turn.shape[1]] > 0].to(X.dtype)
    grown, _ = torch.linalg.qr(wide @ turn)
    grown = grown * (grown * (wide @ turn)).sum(0).sign()
    signs = column_signs(grown)
    return grown * signs, [signs.T * (turn.T @ L) for L in earlier]


def _distance(first: LowRankUpdate, second: LowRankUpdate) -> float:
    """`||D_1 - D_2||_F` without cancellation: the norm of the difference's factors."""
    A = torch.cat([first.A, second.A.to(first.A)])
    return LowRankUpdate(A, torch.cat([first.B, -second.B.to(first.B)], 1)).norm()
