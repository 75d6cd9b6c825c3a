"""EigenLoRAx and Share: optimal subspaces, coefficients that train inside a model, exports with equal logits."""

from __future__ import annotations

import pytest
import torch

from kernels.families.eigenlora import EigenBasis, eigenlora, principal_subspace
from kernels.families.eigenlora_layers import EigenLoRALinear, attach, detach, exported
from kernels.families.growing import GrowingBasis
from kernels.families.jd_full import jd_full
from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import save_lora
from tests.unit.kernels.families.pools import make_pool, refactored, relative_squared_errors


@pytest.mark.parametrize("shape", [(30, 50), (80, 20), (700, 640)], ids=["wide", "tall", "randomised"])
def test_principal_subspaces_are_as_good_as_the_svd(shape):
    generator = torch.Generator().manual_seed(0)
    rows, columns = shape
    X = torch.randn(rows, 12, generator=generator) @ torch.randn(12, columns, generator=generator)
    X = (X + 0.05 * torch.randn(*shape, generator=generator)).double()
    W, share = principal_subspace(X, components=12)
    tail = float(torch.linalg.svdvals(X)[12:].square().sum())
    residual = float((X - W @ (W.T @ X)).square().sum())
    assert residual <= tail * (1 + (1e-5 if max(shape) < 512 else 1e-2))
    assert share == pytest.approx(1 - residual / float(X.square().sum()), abs=1e-9)
    assert torch.allclose(W.T @ W, torch.eye(12).double(), atol=1e-5)


def test_reported_errors_are_the_dense_ones_and_at_least_those_of_jd_full():
    updates = make_pool(12, 3, 30, 36, seed=1, planted=8, noise=0.1)
    fit = eigenlora(updates, components=8, is_normalised=True)
    expected = relative_squared_errors(updates, [fit.export(place) for place in range(12)])
    assert torch.allclose(fit.relative_squared_errors, expected, rtol=1e-5, atol=1e-12)
    assert float(expected.mean()) >= jd_full(updates, rank=8, restarts=2, tolerance=1e-7).loss
    assert fit.size_bytes() == 4 * (8 * (30 + 36) + 12 * 2 * 8 * 3)


def test_components_are_chosen_by_explained_energy():
    updates = make_pool(12, 3, 30, 36, seed=1, planted=8, noise=0.02)
    fit = eigenlora(updates, energy=0.9)
    fewer = eigenlora(updates, components=fit.basis.W_B.shape[1] - 1)
    assert fit.basis.energy_B >= 0.9 > fewer.basis.energy_B
    assert fit.basis.energy_A >= 0.9
    assert float(eigenlora(updates, energy=1.0).relative_squared_errors.max()) < 1e-10


def test_the_mean_is_kept_when_it_is_taken_off():
    shared = make_pool(1, 2, 30, 36, seed=9)[0].scaled(6.0)
    updates = [
        LowRankUpdate(torch.cat([shared.A, own.A]), torch.cat([shared.B, own.B], 1))
        for own in make_pool(12, 3, 30, 36, seed=1, planted=8, noise=0.1)
    ]
    kept = eigenlora(updates, components=8, is_centred=True)
    assert kept.basis.W_B.shape == (30, 9)
    dropped = EigenBasis(kept.basis.W_B[:, :8], kept.basis.W_A[:, :8])
    without = torch.tensor([member.relative_squared_error for member in dropped.project_all(updates)])
    assert float(kept.relative_squared_errors.mean()) < float(without.mean())


def test_canonical_factors_make_the_basis_independent_of_the_factorisation():
    updates = make_pool(10, 3, 30, 36, seed=1, planted=8, noise=0.1)
    others = [refactored(update, place) for place, update in enumerate(updates)]
    first, second = (eigenlora(pool, components=8).relative_squared_errors for pool in (updates, others))
    assert torch.allclose(first, second, rtol=1e-5)
    saved = [eigenlora(pool, components=8, is_canonical=False).relative_squared_errors for pool in (updates, others)]
    assert not torch.allclose(saved[0], saved[1], rtol=1e-2)


def test_projection_is_idempotent_and_free_inside_the_span():
    updates = make_pool(10, 3, 30, 36, seed=1, planted=8, noise=0.1)
    basis = eigenlora(updates, components=8).basis
    inside = basis.export(basis.project(updates[0]))
    again = basis.project(inside)
    assert again.relative_squared_error < 1e-12
    assert torch.allclose(basis.export(again).dense(), inside.dense(), atol=1e-9)


def test_augmented_directions_are_orthonormal_and_lower_the_error_of_the_unseen():
    updates = make_pool(10, 3, 30, 36, seed=1, planted=8)
    basis = eigenlora(updates, components=8).basis
    wider = basis.augmented(5, seed=4)
    assert wider.W_B.shape == (30, 13)
    for W in (wider.W_B, wider.W_A):
        assert torch.allclose(W.T @ W, torch.eye(13).double(), atol=1e-5)
    assert torch.equal(wider.W_B, basis.augmented(5, seed=4).W_B)
    unseen = make_pool(1, 3, 30, 36, seed=77)[0]
    assert wider.project(unseen).relative_squared_error < basis.project(unseen).relative_squared_error
    with pytest.raises(ValueError, match="received 23"):
        basis.augmented(23)


def test_zero_adapters_and_unusable_arguments():
    zero = LowRankUpdate(torch.randn(2, 36), torch.zeros(30, 2))
    fit = eigenlora([zero, zero], components=3)
    assert fit.relative_squared_errors.tolist() == [0.0, 0.0]
    assert torch.count_nonzero(fit.export(0).dense()) == 0
    for options, message in (({}, "either"), ({"components": 0}, "received 0"), ({"energy": 2.0}, r"received 2\.0")):
        with pytest.raises(ValueError, match=message):
            eigenlora([zero], **options)
    with pytest.raises(ValueError, match="received none"):
        eigenlora([], components=1)


def tiny_llama():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=40, **sizes)).eval()


TOKENS = torch.arange(12).reshape(2, 6)
PATHS = [f"model.layers.{layer}.self_attn.{name}" for layer in (0, 1) for name in ("q_proj", "v_proj")]


def bases() -> dict[str, EigenBasis]:
    pools = {path: make_pool(6, 2, 16, 16, seed=place, dtype=torch.float32) for place, path in enumerate(PATHS)}
    return {path: eigenlora(pool, components=6).basis for path, pool in pools.items()}


def test_only_coefficients_train_and_the_export_has_equal_logits(tmp_path):
    peft = pytest.importorskip("peft")
    model = tiny_llama()
    before = model(TOKENS).logits.detach()
    layers = attach(model, bases(), rank=2, seed=1)
    assert torch.allclose(model(TOKENS).logits, before, atol=1e-6)
    trainable = {name: value for name, value in model.named_parameters() if value.requires_grad}
    assert sum(value.numel() for value in trainable.values()) == len(PATHS) * 2 * 6 * 2
    assert all("loadings" in name for name in trainable)
    frozen = {name: value.clone() for name, value in model.state_dict().items() if "loadings" not in name}
    optimiser = torch.optim.Adam(trainable.values(), lr=0.2)
    losses = []
    for _ in range(30):
        loss = model(TOKENS, labels=TOKENS).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.97 * losses[0]
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in frozen.items())
    trained = model(TOKENS).logits.detach()
    save_lora(exported(model), tmp_path / "lora", base_model="tiny", task_type="CAUSAL_LM")
    plain = peft.PeftModel.from_pretrained(tiny_llama(), tmp_path / "lora").eval()
    assert torch.allclose(plain(TOKENS).logits, trained, atol=1e-5)
    assert set(detach(model)) == set(layers)
    assert torch.allclose(model(TOKENS).logits, before, atol=1e-6)


def test_a_layer_can_begin_from_a_member_and_refuses_what_does_not_fit():
    updates = make_pool(6, 2, 12, 16, dtype=torch.float32)
    fit = eigenlora(updates, components=5)
    base = torch.nn.Linear(16, 12)
    layer = EigenLoRALinear(base, fit.basis, rank=2, member=fit.members[0])
    x = torch.randn(3, 16)
    expected = base(x) + x @ fit.export(0).dense().T
    assert torch.allclose(layer(x), expected, atol=1e-4)
    with pytest.raises(ValueError, match=r"the layer is \(16, 12\)"):
        EigenLoRALinear(torch.nn.Linear(12, 16), fit.basis, rank=2)
    with pytest.raises(ValueError, match="no module 'nowhere'"):
        attach(torch.nn.Sequential(base), {"nowhere": fit.basis}, rank=2)


def test_a_growing_basis_without_loss_gives_every_adapter_back():
    updates = make_pool(5, 2, 20, 26, planted=7)
    growing = GrowingBasis(20, 26, components=7)
    for update in updates:
        growing.add(update)
    errors = relative_squared_errors(updates, [growing.export(place) for place in range(5)])
    assert float(errors.max()) < 1e-10
    assert growing.basis.W_B.shape == (20, 7)
    inside = growing.export(0)
    assert growing.add(inside).relative_squared_error < 1e-12


def test_a_growing_basis_bounds_its_errors_and_comes_near_the_joint_one():
    updates = make_pool(10, 2, 24, 30, planted=6, noise=0.1, seed=2)
    growing = GrowingBasis(24, 30, components=8)
    for update in updates:
        growing.add(update)
    errors = relative_squared_errors(updates, [growing.export(place) for place in range(10)])
    assert all(
        float(error) <= member.relative_squared_error + 1e-9
        for error, member in zip(errors, growing.members, strict=True)
    )
    assert growing.members[-1].relative_squared_error == pytest.approx(float(errors[-1]), rel=1e-6)
    assert float(errors.mean()) <= 1.5 * float(eigenlora(updates, components=8).relative_squared_errors.mean())
    W = growing.basis.W_A
    assert torch.allclose(W.T @ W, torch.eye(8).double(), atol=1e-5)
    assert growing.size_bytes() == 4 * (8 * (24 + 30) + 10 * 2 * 8 * 2)
    with pytest.raises(ValueError, match="received 3 x 30"):
        growing.add(LowRankUpdate(torch.zeros(1, 30), torch.zeros(3, 1)))
    with pytest.raises(ValueError, match="at least 1"):
        GrowingBasis(0, 30, components=8)
