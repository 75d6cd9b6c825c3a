"""compat="peft" gives what PEFT's own add_weighted_adapter gives, for all its combination types."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kernels.merging import merge
from tests.unit.kernels.merging.support import (
    adapter_from,
    distance,
    layers_of,
    merged_by_peft,
    peft_model,
    random_adapter,
    relative,
    scales_from,
)

peft = pytest.importorskip("peft", reason="PEFT is the oracle")

WEIGHTS = [0.7, -0.4, 1.3]
PRUNING = ["ties", "dare_linear", "dare_ties", "magnitude_prune"]
ON_FACTORS = ["linear", *PRUNING]
ON_PRODUCTS = ["svd", *(f"{name}_svd" for name in PRUNING)]


def three_adapters(dtype: torch.dtype = torch.float64):
    """Equal ranks, unequal scales."""
    configs = [peft.LoraConfig(r=4, lora_alpha=alpha, target_modules={"first", "second"}) for alpha in (8, 3, 6)]
    return peft_model(configs, dtype=dtype)


def ours(model, method: str, weights=WEIGHTS, **options):
    """The same merge here."""
    names = [f"a{place}" for place in range(len(weights))]
    return merge(
        [adapter_from(model, name) for name in names],
        method=method,
        weights=weights,
        compat="peft",
        scales=[scales_from(model, name) for name in names],
        **options,
    ).adapter


def seed_when_merging_begins(monkeypatch, seed: int) -> None:
    """Between PEFT's own draws for the new layers and the merge stands one call."""
    from peft.tuners.lora import model as peft_module

    original = peft_module._freeze_adapter

    def freeze(*arguments):
        original(*arguments)
        torch.manual_seed(seed)

    monkeypatch.setattr(peft_module, "_freeze_adapter", freeze)


def density_of(method: str) -> dict[str, Any]:
    """Options that the method needs."""
    return {"density": 0.45} if any(method.startswith(name) for name in PRUNING) else {}


@pytest.mark.parametrize("method", ["cat", *ON_FACTORS])
def test_factors_are_equal_one_by_one(method: str, monkeypatch: pytest.MonkeyPatch):
    seed_when_merging_begins(monkeypatch, 11)
    model = three_adapters()
    options = density_of(method)
    expected = merged_by_peft(model, WEIGHTS, method, **options)
    found = ours(model, method, seed=11, **options)
    for module, update in found.items():
        assert relative(update.A, expected[module].A) <= 1e-12
        assert relative(update.B, expected[module].B) <= 1e-12


@pytest.mark.parametrize("method", ON_PRODUCTS)
@pytest.mark.parametrize("rank", [None, 2])
def test_products_are_equal(method: str, rank: int | None, monkeypatch: pytest.MonkeyPatch):
    seed_when_merging_begins(monkeypatch, 5)
    model = three_adapters()
    options = density_of(method)
    expected = merged_by_peft(model, WEIGHTS, method, svd_rank=rank, **options)
    found = ours(model, method, rank=rank, seed=5, **options)
    assert distance(found, expected) <= 1e-9
    assert {update.rank for update in found.values()} == {rank or 4}


@pytest.mark.parametrize("method", ["cat", *ON_FACTORS, *ON_PRODUCTS])
def test_single_precision_agrees_to_rounding(method: str, monkeypatch: pytest.MonkeyPatch):
    seed_when_merging_begins(monkeypatch, 2)
    model = three_adapters(torch.float32)
    options = density_of(method)
    expected = merged_by_peft(model, WEIGHTS, method, **options)
    assert distance(ours(model, method, seed=2, **options), expected) <= 1e-4


@pytest.mark.parametrize("method", ["ties", "dare_ties", "ties_svd", "dare_ties_svd"])
def test_the_frequency_election_is_equal(method: str, monkeypatch: pytest.MonkeyPatch):
    seed_when_merging_begins(monkeypatch, 3)
    model = three_adapters()
    options: dict[str, Any] = {"density": 0.6, "majority_sign_method": "frequency"}
    expected = merged_by_peft(model, WEIGHTS, method, **options)
    assert distance(ours(model, method, density=0.6, majority_sign="frequency", seed=3), expected) <= 1e-9


@pytest.mark.parametrize("method", ["cat", "svd", "ties_svd", "magnitude_prune_svd"])
def test_unequal_ranks_and_modules_of_some_only_are_equal(method: str):
    configs = [
        peft.LoraConfig(r=2, lora_alpha=8, target_modules={"first"}),
        peft.LoraConfig(r=5, lora_alpha=3, target_modules={"first", "second"}),
        peft.LoraConfig(r=3, lora_alpha=6, target_modules={"second"}),
    ]
    model = peft_model(configs)
    options = density_of(method)
    expected = merged_by_peft(model, WEIGHTS, method, **options)
    assert distance(ours(model, method, **options), expected) <= 1e-9


@pytest.mark.parametrize("method", ["linear", "svd", "ties"])
def test_a_single_adapter_is_equal(method: str):
    model = three_adapters()
    options = density_of(method)
    expected = merged_by_peft(model, [-0.6], method, names=["a0"], **options)
    assert distance(ours(model, method, weights=[-0.6], **options), expected) <= 1e-6


def test_the_merged_adapter_computes_the_same_in_the_model():
    model = three_adapters()
    found = ours(model, "svd", rank=3)
    merged_by_peft(model, WEIGHTS, "svd", svd_rank=3)
    model.set_adapter("merged")
    for module, layer in layers_of(model).items():
        x = torch.randn(5, layer.in_features, dtype=torch.float64)
        expected = layer(x) - layer.base_layer(x)
        assert relative(x @ found[module].A.T @ found[module].B.T, expected) <= 1e-9


def test_clamping_uses_peft_s_quantile_of_signed_entries():
    model = three_adapters()
    plain = ours(model, "svd")
    clamped = ours(model, "svd", svd_clamp=0.9)
    for module, update in plain.items():
        limit = torch.quantile(torch.cat([update.B.flatten(), update.A.flatten()]), 0.9)
        assert torch.equal(clamped[module].A, update.A.clamp(-limit, limit))
        assert torch.equal(clamped[module].B, update.B.clamp(-limit, limit))


@pytest.mark.parametrize("method", ["dare_linear", "dare_linear_svd"])
def test_dare_by_default_keeps_the_mean(method: str):
    """Masks have streams of their own per module; over many seeds the mean is that of unpruned merging."""
    adapters, weights = [random_adapter(1), random_adapter(2)], [0.5, 0.8]
    target = merge(adapters, method="linear" if method == "dare_linear" else "cat", weights=weights).adapter
    options: dict[str, Any] = {"rank": 14} if method.endswith("svd") else {}
    A, B, product = [], [], []
    for seed in range(200):
        update = merge(adapters, method=method, weights=weights, density=0.5, seed=seed, **options).adapter["first"]
        A.append(update.A)
        B.append(update.B)
        product.append(update.dense())
    if method == "dare_linear":
        samples = [(torch.stack(A), target["first"].A), (torch.stack(B), target["first"].B)]
    else:
        samples = [(torch.stack(product), target["first"].dense())]
    for drawn, expected in samples:
        error = drawn.std(dim=0) / 200**0.5
        # Of hundreds of entries a few lie beyond three standard errors; their squares average to one.
        assert float(((drawn.mean(dim=0) - expected) / error).square().mean()) < 1.3
