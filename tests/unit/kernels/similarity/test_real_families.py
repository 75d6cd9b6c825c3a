"""The SAM and gemma families of public repositories through the public functions."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from kernels.evidence import adapter_statistics, compare_with_peers
from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import load_updates, save_lora
from kernels.reduction import prune, quantise, truncate, truncate_to_budget
from kernels.similarity import arrow_prototypes, cosine_similarities, near_duplicates, same_initial_a

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "real_adapters"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the shared real adapters are not beside this checkout")


def load(pattern: str) -> dict[str, dict[str, LowRankUpdate]]:
    """Adapters by folder name."""
    folders = sorted(folder for folder in REAL.glob(pattern) if folder.is_dir())
    assert folders, f"no folder matches {pattern}"
    return {folder.name: load_updates(folder) for folder in folders}


@pytest.fixture(scope="module")
def sam() -> dict[str, dict[str, LowRankUpdate]]:
    """The SAM ViT-B family: ranks 2 to 16, some never trained."""
    return load("sam-lora-*")


@pytest.fixture(scope="module")
def gemma() -> dict[str, dict[str, LowRankUpdate]]:
    """Four adapters of gemma-3-270m by different people."""
    return load("gemma3-270m-*")


def test_the_matrix_of_cosines_agrees_with_dense_updates(gemma: dict):
    pool = list(gemma.values())
    matrix = cosine_similarities(pool)
    for row, one in enumerate(pool):
        for column, other in enumerate(pool):
            common = one.keys() & other.keys()
            inner = sum(float((one[name].dense().double() * other[name].dense()).sum()) for name in common)
            norms = [math.sqrt(sum(each.norm() ** 2 for each in which.values())) for which in (one, other)]
            assert float(matrix[row, column]) == pytest.approx(inner / (norms[0] * norms[1]), abs=1e-5)


def test_never_trained_adapters_are_zero_everywhere_and_trouble_nothing(sam: dict):
    pool = list(sam.values())
    is_zero = [all(one.norm() == 0.0 for one in each.values()) for each in pool]
    assert any(is_zero)
    assert not all(is_zero)
    matrix = cosine_similarities(pool)
    assert torch.isfinite(matrix).all()
    expected = torch.tensor([0.0 if zero else 1.0 for zero in is_zero], dtype=torch.float64)
    torch.testing.assert_close(matrix.diagonal(), expected, rtol=1e-5, atol=1e-5)
    grouped = {place for group in near_duplicates(pool) for place in group}
    assert not any(is_zero[place] for place in grouped)
    assert sorted(place for group in same_initial_a(pool) for place in group) == list(range(len(pool)))
    for rows in arrow_prototypes(pool).values():
        assert torch.isfinite(rows).all()


def test_reductions_report_the_dense_error(gemma: dict, sam: dict):
    for adapter in (gemma["gemma3-270m-svg-zouhe"], sam["sam-lora-rank16-v3"]):
        name = max(adapter, key=lambda each: adapter[each].norm())
        dense = adapter[name].dense().double()
        for reduced in (truncate(adapter, rank=2), prune(adapter, density=0.5), quantise(adapter, bits=4)):
            measured = float((dense - reduced.updates[name].dense()).norm() / dense.norm())
            assert reduced.report.modules[name].relative_error == pytest.approx(measured, rel=1e-4, abs=1e-6)
            assert 0.0 < reduced.report.relative_error < 1.0


def test_eight_bits_keep_a_real_adapter_within_a_percent(gemma: dict):
    for adapter in gemma.values():
        report = quantise(adapter, bits=8).report
        assert report.relative_error < 0.01
        assert report.bytes_after < 0.3 * report.bytes_before


def test_a_budget_of_half_the_bytes_makes_a_lora_that_reads_back(gemma: dict, tmp_path: Path):
    adapter = gemma["gemma3-270m-svg-zouhe"]
    half = truncate(adapter, energy=1.0).report.bytes_before // 2
    reduced = truncate_to_budget(adapter, budget_bytes=half)
    assert reduced.report.bytes_after <= half
    assert reduced.report.relative_error <= truncate(adapter, rank=2).report.relative_error + 1e-6
    again = load_updates(save_lora(reduced.for_export(), tmp_path / "half", base_model="gemma3-270m-it"))
    for name, update in again.items():
        torch.testing.assert_close(update.dense(), reduced.updates[name].dense(), rtol=1e-4, atol=1e-6)


def test_two_stages_of_one_training_are_the_closest_pair(gemma: dict):
    names = list(gemma)
    stages = [names.index(f"gemma3-270m-svg-aowei-adapter{end}") for end in ("", "-curriculum-stage1")]
    matrix = cosine_similarities(list(gemma.values())).fill_diagonal_(-2.0)
    assert sorted(divmod(int(matrix.argmax()), len(names))) == sorted(stages)


def test_statistics_compare_across_a_family(sam: dict):
    trained = {name: each for name, each in sam.items() if any(one.norm() > 0 for one in each.values())}
    statistics = {name: adapter_statistics(each) for name, each in trained.items()}
    name, *others = statistics
    if len(others) < 3:
        pytest.skip("fewer than four trained members in the family")
    scores = compare_with_peers(statistics[name], [statistics[other] for other in others]).scores
    assert scores
    assert all(not math.isnan(one.z) for one in scores)
