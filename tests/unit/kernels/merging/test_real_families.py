"""Real adapters of one base merge by every method, to finite updates of the stated rank."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from kernels.lowrank import LowRankUpdate
from kernels.merging import METHODS, load_members, merge, preview
from tests.unit.kernels.cases import SHARED

FAMILY = ("gemma3-270m-svg-0112ly-v2", "gemma3-270m-svg-aowei-adapter", "gemma3-270m-svg-zouhe")
FOLDERS = [SHARED / "data" / "real_adapters" / name for name in FAMILY]
pytestmark = pytest.mark.skipif(
    not all((folder / "adapter_config.json").is_file() for folder in FOLDERS),
    reason="the gemma family of real adapters is not beside this checkout",
)


@cache
def family() -> list[dict[str, LowRankUpdate]]:
    """The first two modules of three adapters."""
    adapters = load_members(FOLDERS).adapters
    return [{name: adapter[name] for name in list(adapters[0])[:2]} for adapter in adapters]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_merges_them(method: str):
    options: dict[str, Any] = (
        {"density": 0.5} if method.startswith(("ties", "dare", "magnitude", "knots", "core")) else {}
    )
    result = merge(family(), method=method, weights=[0.4, 0.3, 0.3], **options)
    total = sum(adapter[name].rank for adapter in family() for name in list(adapter)[:1])
    for name, module in result.report.modules.items():
        assert torch.isfinite(result.adapter[name].A).all()
        assert torch.isfinite(result.adapter[name].B).all()
        assert 0 < module.rank <= total
        assert module.n_members == 3
        assert module.norm > 0.0


def test_the_dry_run_sees_a_family():
    found = preview(family())
    assert all(module.places == (0, 1, 2) for module in found.modules.values())
    assert all(0.0 <= module.sign_conflict <= 0.5 for module in found.modules.values())
