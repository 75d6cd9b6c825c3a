"""Subspace similarity and principal angles of what two updates read and write."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg  # type: ignore[import-untyped]
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.lowrank import LowRankUpdate
from kernels.similarity import principal_angles, subspace_similarities, subspace_similarity
from tests.unit.kernels.reduction.pools import refactored, update


@given(seed=st.integers(0, 10**6), rank=st.sampled_from([None, 1, 3, 9]), side=st.sampled_from(["input", "output"]))
@settings(max_examples=30, deadline=None)
def test_similarity_is_the_squared_overlap_of_dense_singular_vectors(seed: int, rank: int | None, side: str):
    pair = [update(seed, rank=4), update(seed + 1, rank=6)]
    bases = []
    for one in pair:
        U, _, Vh = torch.linalg.svd(one.dense(), full_matrices=False)
        kept = one.rank if rank is None else min(rank, one.rank)
        bases.append(Vh[:kept].T if side == "input" else U[:, :kept])
    overlap = (bases[0].T @ bases[1]).square().sum() / min(bases[0].shape[1], bases[1].shape[1])
    assert subspace_similarity(*pair, rank=rank, side=side) == pytest.approx(float(overlap), abs=1e-9)


@given(seed=st.integers(0, 10**6), gauge=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_factorisation_does_not_matter(seed: int, gauge: int):
    one, two = update(seed), update(seed + 1)
    assert subspace_similarity(refactored(one, gauge), two) == pytest.approx(subspace_similarity(one, two), abs=1e-7)
    assert subspace_similarity(one, refactored(one, gauge)) == pytest.approx(1.0, abs=1e-7)


def test_all_pairs_are_symmetric_with_ones_on_the_diagonal():
    updates = [update(seed, rank=1 + seed % 4) for seed in range(5)]
    matrix = subspace_similarities(updates)
    torch.testing.assert_close(matrix, matrix.T)
    torch.testing.assert_close(matrix.diagonal(), torch.ones(5).double())


def test_a_contained_subspace_is_fully_similar_and_a_zero_update_not_at_all():
    whole = update(1, rank=6)
    part = LowRankUpdate(whole.A[:2], whole.B[:, :2])
    assert subspace_similarity(whole, part) == pytest.approx(1.0)
    zero = LowRankUpdate(whole.A, torch.zeros_like(whole.B))
    assert subspace_similarity(whole, zero) == 0.0
    assert principal_angles(whole, zero).numel() == 0


def test_directions_without_energy_do_not_count():
    one = update(2, rank=3, dtype=torch.float32)
    padded = LowRankUpdate(torch.cat([one.A, one.A[:2]]), torch.cat([one.B, torch.zeros(24, 2)], dim=1))
    assert subspace_similarity(one, padded) == pytest.approx(1.0, abs=1e-5)
    assert principal_angles(one, padded).shape == (3,)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_angles_are_scipys(seed: int):
    one, two = update(seed, rank=3), update(seed + 1, rank=5)
    expected = np.sort(scipy.linalg.subspace_angles(one.A.T.numpy(), two.A.T.numpy()))
    np.testing.assert_allclose(principal_angles(one, two).numpy(), expected, atol=1e-9)


def test_a_tiny_angle_keeps_its_digits():
    basis = torch.eye(6, dtype=torch.float64)
    turned = basis[:2].clone()
    turned[1] = basis[1] * np.cos(1e-7) + basis[4] * np.sin(1e-7)
    one, two = LowRankUpdate(basis[:2], basis[:, :2]), LowRankUpdate(turned, basis[:, :2])
    assert principal_angles(one, two).tolist() == pytest.approx([0.0, 1e-7], rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("options", [{"side": "left"}, {"rank": 0}])
def test_a_wrong_option_is_named_with_what_was_received(options: dict):
    with pytest.raises(ValueError, match="received"):
        subspace_similarity(update(0), update(1), **options)
    with pytest.raises(ValueError, match="one width"):
        subspace_similarity(update(0), update(1, d_in=8))
