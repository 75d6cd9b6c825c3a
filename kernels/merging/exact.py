"""`cat` and `svd`: the weighted sum of updates, exact or truncated, always in factor space."""

from __future__ import annotations

import torch

from ..lowrank import LowRankUpdate
from .members import Members, stacked
from .methods import Merged, Settings, truncated


def concatenate(members: Members, settings: Settings) -> Merged:
    """`sum w_i D_i` of rank `sum r_i`: A = [w_i s_i A_i] by rows, B = [B_i] by columns, as PEFT's `cat`.

    Exact; the weights of LoRA Soups (Prabhakar et al., arXiv 2410.13025, section 3) act like this.
    """
    if not settings.is_peft or members.scales is None:
        return Merged(stacked(members.weighted()), distance_to_sum=0.0)
    rows, columns = [], []
    for update, weight, scale in zip(members.updates, members.weights, members.scales, strict=True):
        rows.append(update.A * weight * scale)
        columns.append(update.B / scale)
    return Merged(LowRankUpdate(torch.cat(rows), torch.cat(columns, dim=1)), distance_to_sum=0.0)


def sum_and_truncate(members: Members, settings: Settings) -> Merged:
    """The best approximation of `sum w_i D_i` of the given rank (default: the largest of the members').

    QR of both stacks and an SVD of the m x m core, m = sum r_i: about 8 d m^2 operations instead of a d x d SVD.
    The sum is task arithmetic (Ilharco et al., arXiv 2212.04089, section 2).
    """
    weights = members.weights
    if settings.is_peft:
        weights = tuple(torch.tensor(members.weights, dtype=torch.float32).tolist())  # as PEFT holds them
    total = stacked([update.scaled(weight) for update, weight in zip(members.updates, weights, strict=True)])
    form, rank = total.thin(), settings.rank or members.rank
    errors = form.truncation_errors()
    is_known = settings.svd_clamp is None and bool(errors[0] > 0.0)
    distance = float(errors[min(rank, form.rank)] / errors[0]) if is_known else None
    return Merged(truncated(form, settings, rank), distance)
