"""KnOTS: merge the right singular vectors of the concatenated updates, in a space that all adapters share."""

from __future__ import annotations

import torch

from ..lowrank import LowRankUpdate, thin_forms
from .members import Members
from .methods import Merged, Settings, truncated
from .rows import merge_rows
from .rules import rule_named


def knots(members: Members, settings: Settings) -> Merged:
    """`[D_1 .. D_N] = U S [V_1^T .. V_N^T]` (d_out, N d_in), then `U S merge(V_1^T .. V_N^T)`.

    KnOTS (Stoica et al., arXiv 2410.19735, section 4); `settings.inner` names the elementwise rule that merges the
    V_i^T (k, d_in), k <= m = sum r_i. The concatenation is never formed: with the thin forms `D_i = U_i S_i V_i'^T`
    and `Q R = [U_i S_i]` its SVD is that of R (m, m). Its rank is at most m, or `settings.rank` after truncation.
    """
    forms = thin_forms(members.updates)
    Q, R = torch.linalg.qr(torch.cat([form.U * form.S for form in forms], dim=1))
    X, S, Yh = torch.linalg.svd(R.double(), full_matrices=False)
    k = int((S[0] * max(R.shape) * torch.finfo(R.dtype).eps < S).sum())
    left = Q @ (X[:, :k] * S[:k]).to(Q.dtype)
    pieces = Yh[:k].to(Q.dtype).split([form.rank for form in forms], dim=1)
    rows = [LowRankUpdate(form.V.T, piece) for form, piece in zip(forms, pieces, strict=True)]
    merged = merge_rows(
        rows,
        members.weights,
        rule=rule_named(settings.inner),
        options=settings.rule_options,
        generator=settings.generator,
        module=members.module,
    )
    return Merged(truncated(LowRankUpdate(merged, left).thin(), settings, settings.rank))
