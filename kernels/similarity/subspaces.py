"""How far the directions that two updates read or write are the same: principal angles and Grassmann similarity."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, ThinForm, thin_forms

_SIDES = ("input", "output")


def subspace_similarity(
    first: LowRankUpdate, second: LowRankUpdate, *, rank: int | None = None, side: str = "input"
) -> float:
    """`||V_1^T V_2||_F^2 / min(k_1, k_2)` in [0, 1] for the leading `rank` (or all) singular directions of each.

    side: "input" compares right singular vectors (d_in, k), "output" left ones (d_out, k). 1 when one subspace holds
    the other, about k/d for unrelated ones, 0 with a zero update. Hu et al., arXiv 2106.09685, section 7.2, eq. 4.
    """
    return float(subspace_similarities([first, second], rank=rank, side=side)[0, 1])


def subspace_similarities(updates: Sequence[LowRankUpdate], *, rank: int | None = None, side: str = "input") -> Tensor:
    """The same for all pairs of one module, (N, N) float64: one GEMM of the stacked bases."""
    bases = _bases(thin_forms(updates), rank, side)
    if len({basis.shape[0] for basis in bases}) > 1:
        raise ValueError(f"updates of one module have one width; received {sorted({b.shape[0] for b in bases})}")
    widths = [basis.shape[1] for basis in bases]
    stacked = torch.cat(bases, dim=1).double()
    squares = (stacked.T @ stacked).square().cpu()
    owner = torch.repeat_interleave(torch.arange(len(bases)), torch.tensor(widths))
    sums = torch.zeros(len(bases), len(bases), dtype=torch.float64)
    rows = torch.zeros(len(bases), squares.shape[1], dtype=torch.float64).index_add_(0, owner, squares)
    sums.index_add_(1, owner, rows)
    smaller = torch.minimum(torch.tensor(widths)[:, None], torch.tensor(widths)).double()
    return torch.where(smaller > 0, sums / smaller.clamp(min=1), 0.0).clamp(max=1.0)


def principal_angles(
    first: LowRankUpdate, second: LowRankUpdate, *, rank: int | None = None, side: str = "input"
) -> Tensor:
    """Angles between the two subspaces in radians, ascending, (min(k_1, k_2),) float64.

    Cosines are the singular values of `V_1^T V_2`; small angles are taken from the sine, which keeps their digits
    (Bjoerck and Golub, Mathematics of Computation 1973).
    """
    one, two = sorted(
        (basis.double() for basis in _bases(thin_forms([first, second]), rank, side)), key=lambda basis: -basis.shape[1]
    )
    one, two = (torch.linalg.qr(basis).Q for basis in (one, two))  # single precision is not orthonormal enough
    cosines = torch.linalg.svdvals(one.T @ two).clamp(max=1.0)
    sines = torch.linalg.svdvals(two - one @ (one.T @ two)).flip(0).clamp(max=1.0)
    return torch.where(sines < 0.5, torch.asin(sines), torch.acos(cosines))


def _bases(forms: Sequence[ThinForm], rank: int | None, side: str) -> list[Tensor]:
    """Leading singular vectors that carry something: beyond rounding of the largest singular value."""
    if side not in _SIDES:
        raise ValueError(f"side must be one of {', '.join(_SIDES)}; received {side!r}")
    if rank is not None and rank < 1:
        raise ValueError(f"rank must be at least 1; received {rank}")
    bases = []
    for form in forms:
        vectors = form.V if side == "input" else form.U
        floor = max(vectors.shape) * torch.finfo(form.S.dtype).eps
        real = int(torch.count_nonzero(form.S.max() * floor < form.S)) if form.S.numel() else 0
        bases.append(vectors[:, : real if rank is None else min(rank, real)])
    return bases
