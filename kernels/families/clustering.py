"""First clusters of adapters, by the subspaces their A factors started from; seeded k-means."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, check_one_module
from .streaming import Loader

_SAMPLED_MODULES = 8
_KMEANS_ROUNDS = 50


def initial_clusters(modules: Sequence[str], load: Loader, *, clusters: int, seed: int = 0) -> Tensor:
    """Cluster of each adapter, (N,) int64, by similarity of the initial A averaged over up to eight modules.

    Adapters trained from one seed keep nearly the row space of the shared initial A, and compress together; which of
    them share it matters more than anything learnt.
    """
    step = max(1, len(modules) // _SAMPLED_MODULES)
    sampled = list(modules)[::step][:_SAMPLED_MODULES]
    similarity = torch.stack([input_similarity(load(module)) for module in sampled]).mean(0)
    count = len(similarity)
    if not 1 <= clusters <= count:
        raise ValueError(f"clusters must be from 1 to the number of adapters; received {clusters} for {count}")
    values, vectors = torch.linalg.eigh(similarity)
    features = (vectors * values.clamp(min=0).sqrt()).flip(1)[:, :clusters]
    features = features / torch.linalg.vector_norm(features, dim=1, keepdim=True).clamp(min=1e-12)
    return kmeans(features, clusters=clusters, seed=seed)


def input_similarity(updates: Sequence[LowRankUpdate]) -> Tensor:
    """`||Q_i^T Q_j||_F^2 / sqrt(r_i r_j)` (N, N) float64 of orthonormal bases Q_i (d_in, r_i) of the rows of A_i.

    1 for equal row spaces, about r / d_in for unrelated ones, whatever B and the factorisation are.
    """
    check_one_module(updates)
    bases = [_row_space(update.A) for update in updates]
    widths = torch.tensor([basis.shape[1] for basis in bases])
    stacked = torch.cat(bases, 1)
    overlaps = (stacked.T @ stacked).double().square().cpu()
    owner = torch.repeat_interleave(torch.arange(len(bases)), widths)
    rows = torch.zeros(len(bases), len(owner), dtype=torch.float64).index_add_(0, owner, overlaps)
    blocks = torch.zeros(len(bases), len(bases), dtype=torch.float64).index_add_(1, owner, rows)
    lengths = widths.double().clamp(min=1).sqrt()
    return blocks / (lengths[:, None] * lengths)


def kmeans(features: Tensor, *, clusters: int, seed: int = 0) -> Tensor:
    """Clusters (N,) of the rows of features (N, f): Lloyd's rounds from a seeded k-means++ start; none is empty."""
    if not 1 <= clusters <= len(features):
        raise ValueError(f"clusters must be from 1 to {len(features)}; received {clusters}")
    generator = torch.Generator().manual_seed(seed)
    features = features.double().cpu()
    chosen = [int(torch.randint(len(features), (1,), generator=generator))]
    for _ in range(clusters - 1):
        distances = torch.cdist(features, features[chosen]).square().min(1).values
        distances[chosen] = 0.0
        free = torch.ones(len(features), dtype=torch.float64)
        free[chosen] = 0.0
        odds = distances if float(distances.sum()) > 1e-12 else free
        chosen.append(int(torch.multinomial(odds, 1, generator=generator)))
    centres, assignment = features[chosen], torch.full((len(features),), -1)
    for _ in range(_KMEANS_ROUNDS):
        distances = torch.cdist(features, centres)
        moved = _without_empty(distances.argmin(1), distances, clusters)
        if bool((moved == assignment).all()):
            break
        assignment = moved
        centres = torch.stack([features[assignment == cluster].mean(0) for cluster in range(clusters)])
    return assignment


def _without_empty(assignment: Tensor, distances: Tensor, clusters: int) -> Tensor:
    """Give every empty cluster the row farthest from its centre among clusters of several."""
    order = distances.min(1).values.argsort(descending=True, stable=True).tolist()
    for empty in range(clusters):
        counts = torch.bincount(assignment, minlength=clusters)
        if counts[empty] == 0:
            moved = next(row for row in order if counts[assignment[row]] > 1)
            order.remove(moved)
            assignment[moved] = empty
    return assignment


def _row_space(A: Tensor) -> Tensor:
    """Orthonormal basis (d_in, rank) of the rows of A (r, d_in); empty for a zero A."""
    if A.shape[0] == 0:
        return A.new_zeros(A.shape[1], 0).float()
    Q, S, _ = torch.linalg.svd(A.T.to(torch.promote_types(A.dtype, torch.float32)), full_matrices=False)
    return Q[:, 1e-6 * S[0].clamp(min=torch.finfo(S.dtype).tiny) < S].float()
