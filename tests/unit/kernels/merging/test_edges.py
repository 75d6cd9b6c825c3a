"""Options that a method does not know, and values that mean nothing, are refused with what was received."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kernels.lowrank import LowRankUpdate
from kernels.merging import merge
from tests.unit.kernels.merging.support import random_adapter

PAIR = [random_adapter(1), random_adapter(2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "average"}, "received 'average'"),
        ({"method": "cat", "rank": 3}, "received 3 with 'cat'"),
        ({"method": "svd", "rank": 0}, "received 0 with 'svd'"),
        ({"method": "svd", "density": 0.5}, "density has no effect without pruning; received 0.5"),
        ({"method": "svd", "inner": "ties"}, "received 'ties' with 'svd'"),
        ({"method": "knots", "inner": "tsv_m"}, "received 'tsv_m'"),
        ({"method": "core_space", "inner": "median", "density": 0.5}, "received 'median'"),
        ({"method": "knots"}, "received None"),
        ({"method": "ties", "density": 0.5, "majority_sign": "mode"}, "received 'mode'"),
        ({"method": "mera", "alignment": "shear"}, "received 'shear'"),
        ({"method": "svd", "alignment": "rotation"}, "received 'rotation'"),
        ({"method": "svd", "svd_clamp": 1.5}, "received 1.5"),
        ({"method": "cat", "svd_clamp": 0.5}, "received 0.5"),
        ({"method": "svd", "inputs": {}}, "received them with 'svd'"),
        ({"method": "svd", "compat": "mergekit"}, "received 'mergekit'"),
        ({"method": "svd", "scales": [1.0, 1.0]}, "received it without|received them without"),
        ({"method": "knots", "compat": "peft"}, "PEFT knows no method 'knots'"),
        ({"method": "linear", "compat": "peft"}, "needs `scales`"),
        ({"method": "linear", "compat": "peft", "scales": [1.0]}, "received 1 scales"),
        ({"method": "linear", "compat": "peft", "scales": [1.0, 0.0]}, "received 0.0 for adapter 1"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        merge(PAIR, weights=[0.5, 0.5], **options)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 2.0, 3.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_weights_are_checked(weights: list[float]):
    with pytest.raises(ValueError, match="received"):
        merge(PAIR, method="svd", weights=weights)


def test_nothing_to_merge_is_refused():
    with pytest.raises(ValueError, match="at least one adapter"):
        merge([], method="svd", weights=[])


def test_factors_that_are_not_finite_are_refused_by_name():
    broken = {"first": LowRankUpdate(torch.full((2, 20), float("nan")), torch.ones(14, 2))}
    with pytest.raises(ValueError, match="in adapter 1, module 'first'"):
        merge([PAIR[0], broken], method="svd", weights=[1, 1])


def test_an_adapter_without_modules_gives_none():
    assert merge([{}, {}], method="svd", weights=[1, 1]).adapter == {}
