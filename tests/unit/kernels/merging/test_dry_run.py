"""The dry run says what a merge would meet, from dense definitions."""

from __future__ import annotations

import json

import pytest
import torch

from kernels.lowrank import LowRankUpdate
from kernels.merging import merge, preview
from tests.unit.kernels.merging.support import generator, random_adapter


def test_numbers_are_those_of_dense_updates():
    adapters, weights = [random_adapter(1), random_adapter(2, rank=2)], [0.7, -0.4]
    found = preview(adapters, weights=weights, sampled_rows=100).modules["first"]
    D = [adapter["first"].dense() for adapter in adapters]
    assert found.places == (0, 1)
    assert found.ranks == (3, 2)
    assert found.norms == pytest.approx([float(x.norm()) for x in D])
    assert found.cosines[0][1] == pytest.approx(float((D[0] * D[1]).sum() / D[0].norm() / D[1].norm()))
    total = weights[0] * D[0] + weights[1] * D[1]
    assert found.sum_norm == pytest.approx(float(total.norm()))
    weighted = torch.stack([weights[0] * D[0], weights[1] * D[1]])
    losing = weighted.abs()[weighted.sign() != torch.where(total >= 0, 1.0, -1.0)].sum()
    assert found.sign_conflict == pytest.approx(float(losing / weighted.abs().sum()), rel=1e-5)
    V = [torch.linalg.svd(x).Vh[:rank] for x, rank in zip(D, (3, 2), strict=True)]
    assert found.overlaps_in[0][1] == pytest.approx(float((V[0] @ V[1].T).square().sum() / 2))
    assert found.overlaps_out[0][0] == pytest.approx(1.0)


def test_nested_subspaces_overlap_fully_and_foreign_ones_not():
    Q = torch.linalg.qr(torch.randn(20, 6, generator=generator(1), dtype=torch.float64)).Q
    B = torch.randn(14, 6, generator=generator(2), dtype=torch.float64)
    whole = LowRankUpdate(Q[:, :4].T, B[:, :4])
    inside, outside = LowRankUpdate(Q[:, :2].T, B[:, 2:4]), LowRankUpdate(Q[:, 4:].T, B[:, 4:])
    found = preview([{"m": whole}, {"m": inside}, {"m": outside}]).modules["m"]
    assert found.overlaps_in[0][1] == pytest.approx(1.0)
    assert found.overlaps_in[0][2] == pytest.approx(0.0, abs=1e-9)


def test_the_same_object_twice_and_adapters_that_lack_modules_have_their_places():
    adapter = random_adapter(1)
    found = preview([{"second": adapter["second"]}, adapter, adapter])
    assert found.modules["first"].places == (1, 2)
    assert found.modules["second"].places == (0, 1, 2)
    assert "Adapter 0 takes no part in 1 of 2 modules." in found.warnings
    assert any("1 and 2 are nearly the same" in warning for warning in found.warnings)


def test_it_warns_of_opposed_and_of_dominating_adapters():
    adapter = random_adapter(1)
    opposed = {name: update.scaled(-20.0) for name, update in adapter.items()}
    found = preview([adapter, opposed])
    assert any("work against each other (cosine -1.000)" in warning for warning in found.warnings)
    assert any("Adapter 1 has more than ten times the norm" in warning for warning in found.warnings)
    assert found.modules["first"].sign_conflict == pytest.approx(1 / 21, rel=1e-4)


def test_it_is_seeded_json_and_tells_its_progress():
    shares: list[float] = []
    adapters = [random_adapter(1), random_adapter(2)]
    first = preview(adapters, sampled_rows=3, seed=5, progress=shares.append)
    assert json.loads(json.dumps(first.as_dict(), allow_nan=False))["modules"].keys() == {"first", "second"}
    assert first == preview(adapters, sampled_rows=3, seed=5) != preview(adapters, sampled_rows=3, seed=6)
    assert shares == [0.5, 1.0]


def test_nothing_that_takes_part_is_an_empty_module():
    found = preview([random_adapter(1)], weights=[0.0])
    assert found.modules["first"].places == ()
    assert found.warnings == ("Adapter 0 takes no part in 2 of 2 modules.",)
    with pytest.raises(ValueError, match="received 0"):
        preview([random_adapter(1)], sampled_rows=0)


def test_the_report_of_a_merge_measures_it_against_the_sum():
    adapters, shares = [random_adapter(1), random_adapter(2)], []
    result = merge(adapters, method="ties", weights=[0.5, 0.5], density=0.5, progress=shares.append)
    for name, module in result.report.modules.items():
        D = result.adapter[name].dense()
        total = 0.5 * (adapters[0][name].dense() + adapters[1][name].dense())
        assert module.distance_to_sum == pytest.approx(float((D - total).norm() / total.norm()), rel=1e-8)
        assert module.norm == pytest.approx(float(D.norm()))
        assert (module.rank, module.n_members) == (3, 2)
    assert json.loads(json.dumps(result.report.as_dict(), allow_nan=False))["method"] == "ties"
    assert shares == [0.5, 1.0]
