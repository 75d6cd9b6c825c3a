"""TSV-M and Iso-C: merging by singular vectors and singular values, exact in factor space."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, ThinForm, thin_forms
from .members import Members, stacked
from .methods import Merged, Settings, truncated


def orthogonalise_triplets(members: Members, settings: Settings) -> Merged:
    """TSV-M: the leading ceil(k_i / N) triplets of every update, left and right vectors made orthonormal apart.

    Gargiulo et al., arXiv 2412.00081, section 3.3: `polar([U_i]) diag(w_i S_i) polar([V_i])^T`, the polar factor
    being the nearest orthonormal matrix (Procrustes).
    """
    forms = thin_forms(members.updates)
    kept = [form.truncated(ceil(form.rank / len(forms))) for form in forms]
    S = torch.cat([form.S * weight for form, weight in zip(kept, members.weights, strict=True)])
    U = _polar(torch.cat([form.U for form in kept], dim=1))
    V = _polar(torch.cat([form.V for form in kept], dim=1))
    return Merged(truncated(LowRankUpdate(V.T, U * S).thin(), settings, settings.rank))


def flatten_spectrum(members: Members, settings: Settings) -> Merged:
    """Iso-C: the weighted sum with every nonzero singular value set to their mean (Marczak et al., arXiv 2502.04959).

    The mean is taken over the k <= m nonzero values, not over all d: the sum of low-rank updates has no others.
    """
    form = stacked(members.weighted()).thin()
    k = int((form.S[0] * max(form.U.shape[0], form.V.shape[0]) * torch.finfo(form.S.dtype).eps < form.S).sum())
    mean = form.S[:k].mean() if k else form.S.new_zeros(())
    flat = ThinForm(form.U[:, :k], mean.repeat(k), form.V[:, :k])
    return Merged(truncated(flat, settings, settings.rank))


def _polar(columns: Tensor) -> Tensor:
    X, _, Yh = torch.linalg.svd(columns, full_matrices=False)
    return X @ Yh
