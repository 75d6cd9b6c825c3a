"""A prefix of the factors is a good cut where training nested the ranks, and the evidence tells where."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kernels.lowrank import LowRankUpdate
from kernels.reduction import cut_prefix, nested_evidence, truncate
from tests.unit.kernels.reduction.pools import adapter, generator, relative, spread_gauge, update

RANK, D_OUT, D_IN = 8, 24, 32


def trained(*, is_nested: bool, seed: int) -> LowRankUpdate:
    """Factors fitted to a linear target by Adam; nested: every step trains a prefix of random length."""
    source = generator(seed)
    target = update(99, d_out=D_OUT, d_in=D_IN, rank=RANK, dtype=torch.float32).dense()
    A = (torch.randn(RANK, D_IN, generator=source) / D_IN**0.5).requires_grad_()
    B = torch.zeros(D_OUT, RANK).requires_grad_()
    optimiser = torch.optim.Adam([A, B], lr=0.02)
    for _ in range(400):
        length = int(torch.randint(1, RANK + 1, (), generator=source)) if is_nested else RANK
        optimiser.zero_grad()
        (B[:, :length] @ A[:length] - target).square().sum().backward()
        optimiser.step()
    return LowRankUpdate(A.detach(), B.detach())


def test_training_with_nested_ranks_is_told_from_ordinary_training():
    nested = nested_evidence({"m": trained(is_nested=True, seed=0)})
    ordinary = nested_evidence({"m": trained(is_nested=False, seed=0)})
    assert nested.is_nested
    assert not ordinary.is_nested
    assert nested.score > 0.8
    assert abs(ordinary.score) < 0.4


def test_a_prefix_of_a_nested_adapter_is_nearly_the_best_cut():
    one = {"m": trained(is_nested=True, seed=1)}
    for rank in (1, 2, 4):
        prefix, best = cut_prefix(one, rank=rank).report, truncate(one, rank=rank).report
        assert best.relative_error <= prefix.relative_error <= 1.25 * best.relative_error


@given(seed=st.integers(0, 10**6), rank=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_the_cut_is_the_leading_rows_and_columns_and_never_beats_the_svd(seed: int, rank: int):
    one = update(seed)
    short = cut_prefix({"m": one}, rank=rank)
    assert torch.equal(short.updates["m"].A, one.A[:rank])
    assert torch.equal(short.updates["m"].B, one.B[:, :rank])
    measured = relative(one.B[:, :rank] @ one.A[:rank], one.dense())
    assert short.report.relative_error == pytest.approx(measured, abs=1e-12)
    assert short.report.relative_error >= truncate({"m": one}, rank=rank).report.relative_error - 1e-12


def mean_error_of_random_sets(one: LowRankUpdate, kept: int) -> float:
    """Root mean square relative error over every set of `kept` components."""
    from itertools import combinations

    squares: list[Tensor] = []
    for chosen in combinations(range(one.rank), kept):
        places = list(chosen)
        squares.append((one.B[:, places] @ one.A[places] - one.dense()).square().sum())
    return float((torch.stack(squares).mean() / one.dense().square().sum()).sqrt())


def test_the_curves_are_those_of_dense_arithmetic():
    one = update(5)
    evidence = nested_evidence({"m": one})
    for rank in range(1, one.rank):
        assert evidence.prefix_errors[rank - 1] == pytest.approx(
            cut_prefix({"m": one}, rank=rank).report.relative_error
        )
        assert evidence.best_errors[rank - 1] == pytest.approx(truncate({"m": one}, rank=rank).report.relative_error)
        assert evidence.random_errors[rank - 1] == pytest.approx(mean_error_of_random_sets(one, rank))


def test_a_canonical_adapter_scores_one_and_a_rotated_one_about_zero():
    canonical = {name: one.thin().as_update() for name, one in adapter(6, modules=6).items()}
    assert nested_evidence(canonical).score == pytest.approx(1.0)
    rotated = {}
    for at, (name, one) in enumerate(canonical.items()):
        turn, _ = torch.linalg.qr(spread_gauge(one.rank, at))
        rotated[name] = LowRankUpdate(turn.T @ one.A, one.B @ turn)
    assert abs(nested_evidence(rotated).score) < 0.3


def test_rescaling_is_by_the_ratio_of_ranks():
    one = update(7)
    plain, rescaled = (cut_prefix({"m": one}, rank=2, is_rescaled=flag).updates["m"] for flag in (False, True))
    torch.testing.assert_close(rescaled.dense(), plain.dense() * 3)


def test_where_nothing_can_be_said_it_is_refused():
    with pytest.raises(ValueError, match="no module has a rank of at least 2"):
        nested_evidence({"m": LowRankUpdate(torch.ones(1, 4), torch.ones(3, 1))})
    with pytest.raises(ValueError, match="rank must be at least 1; received 0"):
        cut_prefix(adapter(0), rank=0)
    with pytest.raises(ValueError, match="differing"):
        cut_prefix(adapter(0), rank={"no": 1})
