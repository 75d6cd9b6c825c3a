"""At a width that matters: no d x d matrix in factor space, one dense accumulator for elementwise types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kernels.merging import merge
from kernels.merging.dense_svd import truncated_svd
from tests.unit.kernels.merging.support import generator, random_update, relative

WIDTH, RANK, COUNT = 1024, 4, 10
DENSE_BYTES, BLOCK_BYTES = 4 * WIDTH * WIDTH, 1 << 20
ADAPTERS = [
    {"m": random_update(seed, rank=RANK, d_out=WIDTH, d_in=WIDTH, dtype=torch.float32).scaled(1 / WIDTH)}
    for seed in range(COUNT)
]
FACTORS = [
    "cat",
    "svd",
    "linear",
    "ties",
    "dare_ties",
    "magnitude_prune",
    "knots",
    "core_space",
    "tsv_m",
    "iso_c",
    "mera",
]
PRODUCTS = ["ties_svd", "dare_linear_svd", "dare_ties_svd", "magnitude_prune_svd"]


class Allocations(TorchDispatchMode):
    """Keeps the storage of every result, so that no address is used twice, and with it sizes and numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[int, torch.UntypedStorage] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._storages[storage.data_ptr()] = storage
        return result

    def of_at_least(self, size_bytes: int) -> list[int]:
        """Sizes of the larger allocations, ever made."""
        return [size for storage in self._storages.values() if (size := storage.nbytes()) >= size_bytes]


@pytest.fixture
def allocations(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Allocations]:
    """Merge under watch, with blocks of rows of 1 MiB."""
    monkeypatch.setattr("kernels.merging.rows.BLOCK_ELEMENTS", BLOCK_BYTES // 4)

    def watch(method: str) -> Allocations:
        options: dict[str, Any] = (
            {"density": 0.3} if method.startswith(("ties", "dare", "magn", "knots", "core")) else {}
        )
        with Allocations() as watched:
            merge(ADAPTERS, method=method, weights=[1 / COUNT] * COUNT, **options)
        return watched

    return watch


@pytest.mark.parametrize("method", FACTORS)
def test_factor_space_never_holds_a_dense_update(method: str, allocations: Callable[[str], Allocations]):
    watched = allocations(method)
    stack_bytes = 8 * COUNT * RANK * WIDTH  # of one side, in float64; the last measurement adds the result to it
    assert watched.of_at_least(1 << 10), "something was seen"
    limit = max(2 * stack_bytes, BLOCK_BYTES)  # KnOTS merges its rows in blocks
    assert not watched.of_at_least(limit + 1)
    assert limit < DENSE_BYTES


@pytest.mark.parametrize("method", PRODUCTS)
def test_elementwise_types_hold_one_dense_matrix_and_blocks_of_rows(
    method: str, allocations: Callable[[str], Allocations]
):
    assert allocations(method).of_at_least(BLOCK_BYTES + 1) == [DENSE_BYTES], "the accumulator alone"


def test_the_truncated_svd_of_a_large_matrix_is_that_of_lapack():
    """Decaying and flat spectra: the best approximation, or an error within a hundredth of its."""
    draw = generator(1)
    noise = torch.randn(900, 700, generator=draw, dtype=torch.float64)
    U, S, Vh = torch.linalg.svd(noise, full_matrices=False)
    decaying = (U * 0.8 ** torch.arange(700, dtype=torch.float64)) @ Vh
    form, residual = truncated_svd(decaying, 12, generator=draw, tolerance=1e-9, max_blocks=20)
    expected = (U[:, :12] * 0.8 ** torch.arange(12, dtype=torch.float64)) @ Vh[:12]
    assert residual <= 1e-9
    assert relative(form.dense(), expected) < 1e-8
    form, residual = truncated_svd(noise, 12, generator=draw, tolerance=1e-3, max_blocks=8)
    assert float((noise - form.dense()).norm()) <= 1.001 * float(S[12:].norm())
    assert residual > 0.0


def test_a_zero_matrix_has_a_zero_svd():
    form, residual = truncated_svd(torch.zeros(500, 600), 4, generator=generator(0))
    assert residual == 0.0
    assert not form.dense().any()
