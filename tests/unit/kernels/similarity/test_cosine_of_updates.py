"""Cosines of whole adapters equal dense ones, whatever the factorisation, rank, scale or dtype."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kernels.lowrank import Adapter, LowRankUpdate
from kernels.similarity import cosine_similarities, inner_products, near_duplicates, nearest
from tests.unit.kernels.reduction.pools import adapter, refactored, update


def pool_of(count: int, seed: int) -> list[dict[str, LowRankUpdate]]:
    """Adapters of mixed ranks on two modules."""
    return [
        {name: update(seed + 7 * at + place, rank=2 + (at + place) % 4) for place, name in enumerate(("q", "v"))}
        for at in range(count)
    ]


def flat(one: Adapter, names: list[str], width: int = 24 * 20) -> Tensor:
    """All dense updates of an adapter as one vector; zeros where it lacks a module."""
    return torch.cat([one[name].dense().flatten() if name in one else torch.zeros(width).double() for name in names])


@given(seed=st.integers(0, 10**5), count=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_every_pair_equals_the_dense_cosine(seed: int, count: int):
    pool = pool_of(count, seed)
    if count > 2:
        del pool[1]["q"]
    rows = torch.stack([flat(one, ["q", "v"]) for one in pool])
    torch.testing.assert_close(inner_products(pool), rows @ rows.T, rtol=1e-9, atol=1e-9)
    unit = torch.nn.functional.normalize(rows, dim=1)
    torch.testing.assert_close(cosine_similarities(pool), unit @ unit.T, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(cosine_similarities(pool, pool[:1]), (unit @ unit.T)[:, :1], rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10**5))
@settings(max_examples=20, deadline=None)
def test_gauge_and_order_do_not_matter(seed: int):
    pool = pool_of(4, seed)
    again = [{name: refactored(one, seed + at) for name, one in each.items()} for at, each in enumerate(pool)]
    torch.testing.assert_close(cosine_similarities(again), cosine_similarities(pool), rtol=1e-7, atol=1e-7)
    order = [2, 0, 3, 1]
    mixed = cosine_similarities([pool[place] for place in order])
    torch.testing.assert_close(mixed, cosine_similarities(pool)[order][:, order])


def test_scale_sign_and_zero():
    one = adapter(1)
    pool = [
        one,
        {name: each.scaled(3.0) for name, each in one.items()},
        {name: each.scaled(-0.5) for name, each in one.items()},
        {name: each.scaled(0.0) for name, each in one.items()},
    ]
    expected = torch.tensor([1.0, 1.0, -1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(cosine_similarities(pool)[0], expected)
    assert cosine_similarities(pool)[3, 3] == 0.0


def test_mixed_dtypes_are_compared():
    one = adapter(2, dtype=torch.float32)
    half = {name: each.to(torch.bfloat16) for name, each in one.items()}
    assert float(cosine_similarities([one], [half])) == pytest.approx(1.0, abs=1e-4)


def test_modules_of_different_shape_are_refused_by_name():
    with pytest.raises(ValueError, match=r"module 'm': .*received \[\(24, 20\), \(8, 20\)\]|module 'm'"):
        inner_products([{"m": update(0)}, {"m": update(1, d_out=8)}])


def test_a_renamed_refactored_rescaled_copy_is_found_first():
    pool = [adapter(seed) for seed in range(6)]
    copy = {name: refactored(one, 3).scaled(2.0) for name, one in pool[4].items()}
    (found,) = nearest(pool, [copy], top_k=2)
    assert found[0].index == 4
    assert found[0].cosine == pytest.approx(1.0, abs=1e-9)
    assert found[0].norm_ratio == pytest.approx(0.5)
    assert abs(found[1].cosine) < 0.5


def test_the_blocked_search_equals_sorting_the_whole_matrix(monkeypatch: pytest.MonkeyPatch):
    from kernels.similarity import neighbours

    monkeypatch.setattr(neighbours, "_BLOCK", 3)
    pool = pool_of(8, 5)
    cosines = cosine_similarities(pool).fill_diagonal_(-2)
    seen: list[float] = []
    for row, found in zip(cosines, nearest(pool, top_k=4, threshold=-0.05, progress=seen.append), strict=True):
        order = row.argsort(descending=True)[:4]
        expected = [(int(place), float(row[place])) for place in order if row[place] >= -0.05]
        assert [one.index for one in found] == [place for place, _ in expected]
        assert [one.cosine for one in found] == pytest.approx([cosine for _, cosine in expected])
    assert seen[-1] == 1.0


def test_near_duplicates_are_groups_in_the_pools_order():
    first, second, third = (adapter(seed) for seed in (1, 2, 3))
    noisy = {
        name: LowRankUpdate(one.A * (1 + 1e-3 * torch.sin(torch.arange(one.d_in))), one.B)
        for name, one in first.items()
    }
    zero = {name: one.scaled(0.0) for name, one in first.items()}
    pool = [first, zero, second, noisy, third, {name: refactored(one, 1) for name, one in second.items()}, zero]
    assert near_duplicates(pool) == [[0, 3], [2, 5]]
    assert near_duplicates([first]) == []


@pytest.mark.parametrize("options", [{"top_k": 0}, {"threshold": 1.5}])
def test_a_wrong_option_is_named_with_what_was_received(options: dict):
    with pytest.raises(ValueError, match="received"):
        nearest([adapter(0)], **options)
