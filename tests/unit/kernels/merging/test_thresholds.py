"""The magnitude that pruning cuts at is exact, however far a sample of the entries misleads."""

import pytest
import torch

from kernels.lowrank import LowRankUpdate
from kernels.merging import rows


def uneven(d_out: int, d_in: int, rank: int, seed: int) -> LowRankUpdate:
    """An update whose rows and columns differ in size by orders of magnitude."""
    source = torch.Generator().manual_seed(seed)
    A = torch.randn(rank, d_in, generator=source) * torch.rand(1, d_in, generator=source) ** 3
    B = torch.randn(d_out, rank, generator=source) * torch.rand(d_out, 1, generator=source) ** 3
    return LowRankUpdate(A, B)


@pytest.mark.parametrize("shape", [(700, 900, 8), (2000, 512, 4), (300, 3000, 1), (5, 7, 2)])
@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("margin", [0.02, -0.001], ids=["as it is", "a sample that always misleads"])
def test_the_threshold_is_the_kth_largest_magnitude(monkeypatch, shape, share, margin):
    monkeypatch.setattr(rows, "_MARGIN", margin)
    update, count = uneven(*shape, seed=3), max(1, int(share * shape[0] * shape[1]))
    dense = torch.empty(shape[:2])
    for block in rows._row_blocks(dense, 3):
        torch.mm(update.B[block], update.A, out=dense[block])
    wanted = dense.abs().flatten().sort(descending=True).values[count - 1]
    assert rows._threshold(update, torch.empty(shape[:2]), 3, count) == wanted
