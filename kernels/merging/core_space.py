"""Core Space: merge the small cores of updates in bases that all adapters share, then lift the result."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, thin_forms
from .members import Members
from .methods import Merged, Settings, truncated
from .rows import merge_rows
from .rules import rule_named
from .spectral import flatten_spectrum, orthogonalise_triplets

SPECTRAL_RULES = {"tsv_m": orthogonalise_triplets, "iso_c": flatten_spectrum}


def core_space(members: Members, settings: Settings) -> Merged:
    """`W_B merge(W_B^T D_i W_A) W_A^T`, W_B (d_out, k) and W_A (d_in, k) bases of all columns and rows, k <= m.

    Core Space (Panariello et al., arXiv 2509.17786, section 3). The bases hold every D_i, so nothing is lost before
    the merge; linear merging equals that of the updates, other rules act in rotated coordinates. `settings.inner` is
    an elementwise rule, tsv_m or iso_c. The bases come from balanced canonical factors: any factorisation of the
    adapters gives the same result.
    """
    factors = [form.as_update() for form in thin_forms(members.updates)]
    left = _basis(torch.cat([factor.B for factor in factors], dim=1))
    right = _basis(torch.cat([factor.A for factor in factors]).T)
    cores = [LowRankUpdate(factor.A @ right, left.T @ factor.B) for factor in factors]
    if settings.inner in SPECTRAL_RULES:
        core_members = replace(members, updates=tuple(cores), scales=None, d_out=left.shape[1], d_in=right.shape[1])
        inner = SPECTRAL_RULES[settings.inner](core_members, settings).update
        return Merged(truncated(LowRankUpdate(inner.A @ right.T, left @ inner.B).thin(), settings, settings.rank))
    merged = merge_rows(
        cores,
        members.weights,
        rule=rule_named(settings.inner),
        options=settings.rule_options,
        generator=settings.generator,
        module=members.module,
    )
    return Merged(truncated(LowRankUpdate(right.T, left @ merged).thin(), settings, settings.rank))


def _basis(columns: Tensor) -> Tensor:
    """Orthonormal basis (d, k) of the columns (d, m), singular directions that are rounding errors left out."""
    Q, R = torch.linalg.qr(columns)
    X, S, _ = torch.linalg.svd(R.double(), full_matrices=False)
    k = max(1, int((S[0] * max(columns.shape) * torch.finfo(columns.dtype).eps < S).sum()))
    return Q @ X[:, :k].to(Q.dtype)
