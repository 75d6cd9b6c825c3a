"""The table of merge methods that the web process checks against is that of the kernels."""

import pytest

pytest.importorskip("torch", reason="the kernels' table is in a module with torch")

from catalog.derivations.merge_options import METHODS as CHECKED
from catalog.derivations.merge_options import read_merge_options
from kernels.lowrank import LowRankUpdate
from kernels.merging import METHODS, merge
from workers.derivations.merging import options_of


def test_the_same_methods_with_the_same_options():
    assert list(CHECKED) == list(METHODS)
    for name, method in METHODS.items():
        checked = CHECKED[name]
        needs_density = method.rule is not None and method.rule.prune is not None
        assert (checked.has_rank, checked.has_inner, checked.is_peft) == (
            method.takes_rank,
            method.takes_inner,
            method.is_peft,
        )
        assert checked.has_density == needs_density


@pytest.mark.parametrize("name", list(METHODS))
def test_what_is_let_through_the_kernel_takes(name):
    import torch

    given = {"density": 0.5} if CHECKED[name].has_density or CHECKED[name].has_inner else {}
    given |= {"rank": 2} if CHECKED[name].has_rank else {}
    torch.manual_seed(1)
    adapters = [{"q": LowRankUpdate(torch.randn(3, 8), torch.randn(8, 3))} for _ in range(2)]
    options = options_of(read_merge_options(name, given))
    assert merge(adapters, weights=[0.5, 1.0], **options).adapter["q"].d_in == 8
