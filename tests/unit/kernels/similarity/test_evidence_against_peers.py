"""Spectral statistics equal dense ones; a planted oddity stands out among peers and nothing else does."""

from __future__ import annotations

import json
from math import inf

import pytest
import scipy.stats  # type: ignore[import-untyped]
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import evidence
from kernels.evidence import adapter_statistics, compare_with_peers, entry_kurtosis, module_statistics, robust_z
from kernels.lowrank import LowRankUpdate
from tests.unit.kernels.reduction.pools import adapter, generator, refactored, update


@given(seed=st.integers(0, 10**6), rank=st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_the_five_numbers_are_those_of_the_dense_update(seed: int, rank: int):
    one = update(seed, rank=rank)
    found = module_statistics(one)
    dense = one.dense().numpy()
    values = torch.linalg.svdvals(one.dense())[:rank]
    shares = values.square() / values.square().sum()
    assert found.spectral_norm == pytest.approx(float(values[0]))
    assert found.norm == pytest.approx(float(values.norm()))
    assert found.top_share == pytest.approx(float(shares[0]))
    assert found.kurtosis == pytest.approx(scipy.stats.kurtosis(dense, axis=None, fisher=False), rel=1e-9)
    if rank > 1:
        assert found.entropy == pytest.approx(scipy.stats.entropy(shares.numpy()) / torch.tensor(rank).log().item())
    again = module_statistics(refactored(one, seed))
    assert [*vars(again).values()] == pytest.approx([*vars(found).values()], rel=1e-6, abs=1e-9)


def test_kurtosis_is_the_same_in_any_blocks_and_of_tiny_numbers(monkeypatch: pytest.MonkeyPatch):
    one = update(1, d_out=50, dtype=torch.float32)
    whole = entry_kurtosis(one)
    monkeypatch.setattr(evidence, "_BLOCK_ELEMENTS", 60)
    assert entry_kurtosis(one) == pytest.approx(whole, rel=1e-6)
    assert entry_kurtosis(one.scaled(1e-18)) == pytest.approx(whole, rel=1e-4)


def test_a_zero_update_and_a_constant_one_have_plain_zeros():
    zero = LowRankUpdate(torch.randn(2, 5), torch.zeros(4, 2))
    assert [*vars(module_statistics(zero)).values()] == [0.0] * 5
    constant = LowRankUpdate(torch.ones(1, 5), torch.ones(4, 1))
    assert entry_kurtosis(constant) == 0.0


def family(seed: int, *, odd: bool = False) -> dict[str, LowRankUpdate]:
    """A member of a family of like spectra; odd: one module has almost all its energy in one direction."""
    source = generator(seed)
    made = {}
    for at in range(4):
        spread = torch.linspace(1.0, 0.6, 6).double()
        if odd and at == 2:
            spread = torch.tensor([1.9, 0.1, 0.1, 0.1, 0.1, 0.1]).double()
        B, _ = torch.linalg.qr(torch.randn(40, 6, generator=source).double())
        A, _ = torch.linalg.qr(torch.randn(30, 6, generator=source).double())
        jitter = 1 + 0.05 * torch.randn(6, generator=source).double()
        made[f"layer.{at}"] = LowRankUpdate((A * spread * jitter).T, B)
    return made


def test_a_planted_oddity_is_the_most_unusual_of_all():
    peers = [adapter_statistics(family(seed)) for seed in range(12)]
    odd = compare_with_peers(adapter_statistics(family(50, odd=True)), peers)
    assert odd.scores[0].module == "layer.2"
    assert {one.module for one in odd.beyond(8.0)} == {"layer.2"}
    assert {"top_share", "entropy"} <= {one.statistic for one in odd.beyond(8.0)}
    usual = compare_with_peers(adapter_statistics(family(51)), peers)
    assert not usual.beyond(8.0)


def test_the_report_is_json_and_claims_no_safety():
    peers = [adapter_statistics(family(seed)) for seed in range(4)]
    report = compare_with_peers(adapter_statistics(family(50, odd=True)), peers).as_dict(limit=2)
    assert len(json.loads(json.dumps(report, allow_nan=False))["largest"]) == 2
    assert report["meaning"] == "unusual compared with peers; says nothing about safety"


def test_scores_are_medians_and_absolute_deviations():
    peers = [1.0, 2.0, 3.0, 4.0, 100.0]
    assert robust_z(3.0, peers) == 0.0
    assert robust_z(6.0, peers) == pytest.approx(
        3.0 / scipy.stats.median_abs_deviation(peers, scale="normal"), rel=1e-4
    )
    assert robust_z(6.0, [1.0, 1.0, 1.0, 1.0, 5.0]) == pytest.approx(5.0 / (1.2533 * 0.8))
    assert robust_z(1.0, [1.0] * 4) == 0.0
    assert robust_z(1.1, [1.0] * 4) == inf
    assert robust_z(0.9, [1.0] * 4) == -inf


def test_modules_that_few_peers_have_are_not_compared():
    peers = [adapter_statistics(adapter(seed)) for seed in range(3)]
    own = adapter_statistics(adapter(9) | {"alone": update(1)})
    assert {one.module for one in compare_with_peers(own, peers).scores} == set(adapter(9))
    with pytest.raises(ValueError, match="at least 3 peers; received 2"):
        compare_with_peers(own, peers[:2])
