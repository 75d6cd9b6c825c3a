"""Adapters trained from one seed are grouped by their raw A, those of other seeds are not."""

from __future__ import annotations

import pytest
import torch

from kernels.lowrank import LowRankUpdate
from kernels.similarity import initial_a_similarities, same_initial_a
from tests.unit.kernels.reduction.pools import generator, update


def trained(*, start: int, task: int, rank: int = 4, d_in: int = 32) -> dict[str, LowRankUpdate]:
    """Two modules fitted to a task from A drawn by `start` and B = 0, as LoRA begins."""
    source = generator(start)
    done = {}
    for name in ("q", "v"):
        A = ((torch.rand(rank, d_in, generator=source) * 2 - 1) / d_in**0.5 * 3**0.5).requires_grad_()
        B = torch.zeros(16, rank).requires_grad_()
        target = update(100 + task, d_out=16, d_in=d_in, rank=2, dtype=torch.float32).dense() * 0.2
        optimiser = torch.optim.Adam([A, B], lr=1e-3)
        for _ in range(60):
            optimiser.zero_grad()
            (B @ A - target).square().sum().backward()
            optimiser.step()
        done[name] = LowRankUpdate(A.detach(), B.detach())
    return done


def test_seeds_are_told_apart_after_training_on_different_tasks():
    pool = [trained(start=start, task=task) for task, start in enumerate([1, 2, 1, 3, 2, 1])]
    assert same_initial_a(pool) == [[0, 2, 5], [1, 4], [3]]
    similarities = initial_a_similarities(pool)
    assert similarities[0, 2] > 0.7
    assert abs(float(similarities[0, 1])) < 0.3


def test_the_similarity_is_the_mean_cosine_over_common_modules():
    pool = [{name: update(10 * at + place) for place, name in enumerate("qkv"[: 3 - at])} for at in range(2)]
    cosines = [torch.cosine_similarity(pool[0][name].A.flatten(), pool[1][name].A.flatten(), dim=0) for name in "qk"]
    assert float(initial_a_similarities(pool)[0, 1]) == pytest.approx(float(torch.stack(cosines).mean()), abs=1e-6)


def test_other_ranks_and_strangers_are_not_alike():
    pool = [{"q": update(1, rank=2)}, {"q": update(1, rank=4)}, {"other": update(1, rank=2)}, {}]
    assert torch.equal(initial_a_similarities(pool), torch.eye(4, dtype=torch.float64))
    assert same_initial_a(pool) == [[0], [1], [2], [3]]


def test_a_wrong_threshold_is_refused():
    with pytest.raises(ValueError, match=r"received 0\.0"):
        same_initial_a([{"q": update(1)}], threshold=0.0)
