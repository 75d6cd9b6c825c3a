"""The leading singular triplets of a dense matrix by block Krylov iteration, with its residual."""

from __future__ import annotations

import torch
from torch import Tensor

from ..lowrank import ThinForm, column_signs

OVERSAMPLING = 8
CHECK_GROWTH = 1.3  # blocks between two looks at the residual, which cost more than a block
LAPACK_SIZE = 384  # up to this smaller side the complete SVD is as fast


def truncated_svd(
    matrix: Tensor, rank: int, *, generator: torch.Generator, tolerance: float = 1e-4, max_blocks: int = 12
) -> tuple[ThinForm, float]:
    """The `rank` leading singular triplets of (d_out, d_in), and `max_j ||M v_j - s_j u_j|| / s_1`.

    Randomised block Krylov iteration (Musco and Musco, arXiv 1504.05477, algorithm 2), with full orthogonalisation;
    it adds blocks until the residual is at most `tolerance` or there are `max_blocks`. Small matrices go to LAPACK.
    A large residual means that the spectrum is flat at `rank`: the error is then near the optimum all the same.
    """
    smaller = min(matrix.shape)
    width = rank + OVERSAMPLING
    if smaller <= LAPACK_SIZE or 4 * width >= smaller:
        U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)
        return _signed(U[:, :rank], S[:rank], Vh[:rank].T), 0.0
    start = torch.randn(matrix.shape[1], width, generator=generator, dtype=matrix.dtype, device=generator.device)
    block = torch.linalg.qr(matrix @ start.to(matrix.device)).Q
    basis, seen = block, block.T @ matrix
    form, residual = _rayleigh_ritz(matrix, basis, seen, rank)
    checked = 1
    for blocks in range(2, max_blocks + 1):
        if residual <= tolerance or (blocks + 1) * width > smaller:
            break
        block = _orthogonal_to(basis, matrix @ seen[-width:].T)
        basis, seen = torch.cat([basis, block], dim=1), torch.cat([seen, block.T @ matrix])
        if blocks >= CHECK_GROWTH * checked or blocks == max_blocks or (blocks + 2) * width > smaller:
            form, residual = _rayleigh_ritz(matrix, basis, seen, rank)
            checked = blocks
    return form, residual


def _orthogonal_to(basis: Tensor, block: Tensor) -> Tensor:
    for _ in range(2):  # once leaves rounding errors of the size of what was removed
        block = torch.linalg.qr(block - basis @ (basis.T @ block)).Q
    return block


def _rayleigh_ritz(matrix: Tensor, basis: Tensor, seen: Tensor, rank: int) -> tuple[ThinForm, float]:
    """The best triplets within the basis (d_out, b), `seen` being basis^T M (b, d_in), and their residual."""
    Q, R = torch.linalg.qr(seen.T)
    X, S, Yh = torch.linalg.svd(R.T)
    U, V = basis @ X[:, :rank], Q @ Yh[:rank].T
    S = S[:rank]
    leading = float(S[0]) if S.numel() else 0.0
    residual = float(torch.linalg.vector_norm(matrix @ V - U * S, dim=0).max()) / leading if leading > 0.0 else 0.0
    return _signed(U, S, V), residual


def _signed(U: Tensor, S: Tensor, V: Tensor) -> ThinForm:
    signs = column_signs(U)
    return ThinForm((U * signs).contiguous(), S.contiguous(), (V * signs).contiguous())
