"""Every method against a few lines of dense float64 linear algebra."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from kernels.lowrank import LowRankUpdate, thin_forms
from kernels.merging import merge
from tests.unit.kernels.merging.support import random_update, relative

WEIGHTS = [0.6, -0.9, 1.1]
UPDATES = [random_update(seed, rank=rank) for seed, rank in ((1, 3), (2, 2), (3, 4))]
DENSE = [update.dense() for update in UPDATES]
SUM = torch.stack([weight * D for weight, D in zip(WEIGHTS, DENSE, strict=True)]).sum(dim=0)


def merged(method: str, **options: Any) -> Tensor:
    """The merged matrix of the one module."""
    adapters = [{"m": update} for update in UPDATES]
    return merge(adapters, method=method, weights=WEIGHTS, **options).adapter["m"].dense()


def truncated(D: Tensor, rank: int) -> Tensor:
    """The best approximation."""
    U, S, Vh = torch.linalg.svd(D)
    return (U[:, :rank] * S[:rank]) @ Vh[:rank]


def trimmed(x: Tensor, density: float) -> Tensor:
    """The largest entries."""
    order = x.abs().flatten().argsort(descending=True)
    mask = torch.zeros(x.numel(), dtype=x.dtype)
    mask[order[: int(density * x.numel())]] = 1
    return x * mask.view_as(x)


def ties(tensors: list[Tensor], density: float) -> Tensor:
    """Trim, weigh, elect, average those that agree."""
    weighted = torch.stack([w * trimmed(x, density) for w, x in zip(WEIGHTS, tensors, strict=True)])
    elected = torch.where(weighted.sum(0) >= 0, 1.0, -1.0)
    agrees = weighted.sign() == elected
    return (weighted * agrees).sum(0) / agrees.sum(0).clamp(min=1)


def test_cat_is_the_sum():
    assert relative(merged("cat"), SUM) < 1e-12


@pytest.mark.parametrize("rank", [1, 4, 9])
def test_svd_is_the_best_approximation_of_the_sum(rank: int):
    assert relative(merged("svd", rank=rank), truncated(SUM, rank)) < 1e-8


def test_ties_svd_elects_among_weighted_updates():
    assert relative(merged("ties_svd", density=0.3, rank=6), truncated(ties(DENSE, 0.3), 6)) < 1e-8


def test_magnitude_prune_svd():
    expected = torch.stack([w * trimmed(D, 0.3) for w, D in zip(WEIGHTS, DENSE, strict=True)]).sum(dim=0)
    assert relative(merged("magnitude_prune_svd", density=0.3, rank=5), truncated(expected, 5)) < 1e-8


def test_dare_drops_entries_and_rescales_the_others():
    """Of one module with identity-like factors every entry of the result is 0 or w x / density."""
    one, other = random_update(1, rank=1), random_update(2, rank=1).scaled(1e-9)
    adapters = [{"m": one}, {"m": other}]
    D = merge(adapters, method="dare_linear_svd", weights=[1, 1], density=0.25, rank=14).adapter["m"].dense()
    ratio = D / one.dense()
    is_kept = ratio.abs() > 1.0
    assert torch.allclose(ratio[is_kept], torch.tensor(4.0, dtype=torch.float64), atol=1e-5)
    assert float(ratio[~is_kept].abs().max()) < 1e-5
    assert 0.15 < float(is_kept.double().mean()) < 0.35


def test_linear_merges_canonical_factors_with_signed_roots():
    factors = [form.as_update() for form in thin_forms(UPDATES)]
    A, B = torch.zeros(4, 20, dtype=torch.float64), torch.zeros(14, 4, dtype=torch.float64)
    for weight, factor in zip(WEIGHTS, factors, strict=True):
        A[: factor.rank] += abs(weight) ** 0.5 * (1 if weight > 0 else -1) * factor.A
        B[:, : factor.rank] += abs(weight) ** 0.5 * factor.B
    assert relative(merged("linear"), B @ A) < 1e-8


@pytest.mark.parametrize("inner", ["linear", "ties", "magnitude_prune"])
def test_knots_merges_right_singular_vectors_of_the_concatenation(inner: str):
    options = {"density": 0.5} if inner != "linear" else {}
    U, S, Vh = torch.linalg.svd(torch.cat(DENSE, dim=1), full_matrices=False)
    keep = int((S > 1e-10).sum())
    pieces = list(Vh[:keep].split(20, dim=1))
    if inner == "ties":
        V = ties(pieces, 0.5)
    else:
        kept = pieces if inner == "linear" else [trimmed(piece, 0.5) for piece in pieces]
        V = torch.stack([w * piece for w, piece in zip(WEIGHTS, kept, strict=True)]).sum(dim=0)
    expected = (U[:, :keep] * S[:keep]) @ V
    assert relative(merged("knots", inner=inner, **options), expected) < 1e-8
    assert relative(merged("knots", inner=inner, rank=3, **options), truncated(expected, 3)) < 1e-8


@pytest.mark.parametrize("inner", ["linear", "ties"])
def test_core_space_merges_cores_in_shared_bases(inner: str):
    factors = [form.as_update() for form in thin_forms(UPDATES)]
    W_B = torch.linalg.svd(torch.cat([factor.B for factor in factors], dim=1), full_matrices=False).U
    W_A = torch.linalg.svd(torch.cat([factor.A for factor in factors]), full_matrices=False).Vh.T
    cores = [W_B.T @ D @ W_A for D in DENSE]
    # Basis vectors have no sign of their own; neither has an election among weighted entries.
    expected = W_B @ ties(cores, 0.6) @ W_A.T if inner == "ties" else SUM
    options = {"density": 0.6} if inner == "ties" else {}
    assert relative(merged("core_space", inner=inner, **options), expected) < 1e-8


@pytest.mark.parametrize("inner", ["tsv_m", "iso_c"])
def test_spectral_rules_in_core_space_are_those_of_the_updates(inner: str):
    assert relative(merged("core_space", inner=inner), merged(inner)) < 1e-8


def test_tsv_m_orthogonalises_the_leading_triplets():
    U, S, V = [], [], []
    for weight, D, k in zip(WEIGHTS, DENSE, (1, 1, 2), strict=True):
        left, values, right = torch.linalg.svd(D)
        U.append(left[:, :k])
        S.append(weight * values[:k])
        V.append(right[:k].T)
    polar = []
    for columns in (torch.cat(U, dim=1), torch.cat(V, dim=1)):
        X, _, Yh = torch.linalg.svd(columns, full_matrices=False)
        polar.append(X @ Yh)
    assert relative(merged("tsv_m"), (polar[0] * torch.cat(S)) @ polar[1].T) < 1e-8


def test_iso_c_sets_nonzero_singular_values_to_their_mean():
    U, S, Vh = torch.linalg.svd(SUM)
    assert relative(merged("iso_c"), S[:9].mean() * U[:, :9] @ Vh[:9]) < 1e-8


def test_mera_finds_the_best_signed_permutation():
    from itertools import permutations, product

    one, other = (form.as_update() for form in thin_forms([random_update(5, rank=3), random_update(6, rank=3)]))
    best, expected = -1.0, torch.empty(0)
    if other.norm() * 0.5 > one.norm() * 0.5:
        one, other = other, one
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            flip = torch.tensor(signs, dtype=torch.float64)
            A, B = other.A[list(order)] * flip[:, None], other.B[:, list(order)] * flip
            likeness = float((A * one.A).sum() + (B * one.B).sum())
            if likeness > best:
                best, expected = likeness, 0.25 * (one.B + B) @ (one.A + A)
    found = merge([{"m": one}, {"m": other}], method="mera", weights=[0.5, 0.5]).adapter["m"]
    assert relative(found.dense(), expected) < 1e-8


def test_mera_by_rotation_undoes_any_rotation_of_equal_spectra():
    base = random_update(7, rank=3)
    flat = thin_forms([base])[0]
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))).Q
    one = LowRankUpdate(flat.V.T, flat.U)
    other = LowRankUpdate(turn.T @ flat.V.T, flat.U @ turn)
    found = merge([{"m": one}, {"m": other}], method="mera", weights=[0.5, 0.5], alignment="rotation").adapter["m"]
    assert relative(found.dense(), one.dense()) < 1e-8
