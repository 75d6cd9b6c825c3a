"""Adapters that began at the same A: training moves A little, so that equal seeds still show in the raw factors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..lowrank import Adapter
from .cosine import Progress, module_names, no_progress
from .grouping import joined


def initial_a_similarities(adapters: Sequence[Adapter], *, progress: Progress = no_progress) -> Tensor:
    """Mean over common modules of the cosine between the raw A's (r, d_in), (N, N) float64; 1 on the diagonal.

    Only modules of equal shape and rank are compared; pairs without one have similarity 0. Independent random
    starts give 0 +- 1/sqrt(r d_in modules). Unlike all else here this looks at the factors as they were trained:
    a re-factorised or re-exported adapter has lost its start.
    """
    cosines = torch.zeros(len(adapters), len(adapters), dtype=torch.float64)
    common = torch.zeros_like(cosines)
    names = module_names(adapters)
    for done, name in enumerate(names, start=1):
        shapes: dict[tuple[int, int], list[int]] = {}
        for place, adapter in enumerate(adapters):
            if name in adapter and adapter[name].rank:
                shapes.setdefault((adapter[name].rank, adapter[name].d_in), []).append(place)
        for places in shapes.values():
            rows = torch.stack([adapters[place][name].A.flatten().float() for place in places])
            rows = torch.nn.functional.normalize(rows, dim=1)
            block = torch.tensor(places)
            cosines[block[:, None], block] += (rows @ rows.T).double().cpu()
            common[block[:, None], block] += 1
        progress(done / len(names))
    similarities = torch.where(common > 0, cosines / common.clamp(min=1), 0.0).clamp(-1.0, 1.0)
    return similarities.fill_diagonal_(1.0)


def same_initial_a(
    adapters: Sequence[Adapter], *, threshold: float = 0.5, progress: Progress = no_progress
) -> list[list[int]]:
    """Groups of adapters whose A's have a similarity of at least `threshold`, singletons included, in pool order.

    0.5 lies far above chance for any real width; adapters of one seed were found at a median of about 0.9 in a large
    public pool. Groups compress and merge better within than across.
    """
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"threshold must be in (0, 1]; received {threshold!r}")
    is_alike = (initial_a_similarities(adapters, progress=progress) >= threshold).nonzero().tolist()
    return joined(len(adapters), [(first, second) for first, second in is_alike if first < second])
