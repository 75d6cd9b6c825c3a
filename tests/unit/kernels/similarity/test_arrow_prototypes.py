"""Arrow prototypes and routing weights are PEFT's, without its power iteration."""

from __future__ import annotations

import pytest
import torch

from kernels.lowrank import LowRankUpdate
from kernels.similarity import arrow_prototypes, arrow_weights
from tests.unit.kernels.reduction.pools import generator, refactored, update

peft_arrow = pytest.importorskip("peft.tuners.lora.arrow", reason="the oracle is PEFT's Arrow")


def peft_layer(experts: list[LowRankUpdate], top_k: int, temperature: float):
    """PEFT's layer over the experts, and its two module dictionaries."""
    from peft.tuners.lora.config import ArrowConfig

    names = [f"task_{at}" for at in range(len(experts))]
    config = ArrowConfig(top_k=top_k, router_temperature=temperature, rng_seed=0)
    config.task_adapter_names, config.gks_adapter_names = names, []
    halves: list[dict[str, torch.nn.Linear]] = []
    for half in ("A", "B"):
        linears = {}
        for name, expert in zip(names, experts, strict=True):
            weight = getattr(expert, half)
            linears[name] = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            linears[name].weight.data = weight.clone()
        halves.append(linears)
    layer = peft_arrow.ArrowLoraLinearLayer(experts[0].d_in, config)
    layer.build_prototypes(*halves)
    return layer, *halves


def test_prototypes_are_pefts_up_to_sign():
    experts = [update(seed, dtype=torch.float32) for seed in range(5)]
    layer, *_ = peft_layer(experts, 2, 1.0)
    ours = arrow_prototypes([{"m": one} for one in experts])["m"]
    cosines = torch.cosine_similarity(ours, layer.prototypes, dim=1).abs()
    assert float(cosines.min()) >= 0.9999


@pytest.mark.parametrize(("top_k", "temperature"), [(1, 1.0), (2, 0.5), (4, 2.0)])
def test_routing_gives_pefts_output(top_k: int, temperature: float):
    experts = [update(seed, dtype=torch.float32) for seed in range(4)]
    layer, lora_a, lora_b = peft_layer(experts, top_k, temperature)
    tokens = torch.randn(1, 9, 20, generator=generator(0))
    expected = layer(tokens, lora_a, lora_b, torch.nn.Identity(), dict.fromkeys(lora_a, 1.0))[0]
    prototypes = arrow_prototypes([{"m": one} for one in experts])["m"]
    weights = arrow_weights(tokens[0], prototypes, top_k=top_k, temperature=temperature)
    assert torch.equal((weights > 0).sum(1), torch.full((9,), top_k))
    outputs = torch.stack([tokens[0] @ one.A.T @ one.B.T for one in experts], dim=1)
    torch.testing.assert_close((weights.unsqueeze(-1) * outputs).sum(1), expected, rtol=1e-3, atol=1e-3)


def test_a_prototype_is_the_unit_input_that_the_update_moves_most():
    one = update(3)
    prototype = arrow_prototypes([{"m": one}])["m"][0].double()
    moved = float((one.dense() @ prototype).norm())
    assert moved == pytest.approx(one.spectral_norm(), rel=1e-5)
    again = arrow_prototypes([{"m": refactored(one, 4)}])["m"][0].double()
    torch.testing.assert_close(again, prototype, rtol=1e-5, atol=1e-5)


def test_an_absent_or_zero_update_has_no_direction():
    one = update(1)
    rows = arrow_prototypes([{"m": one}, {}, {"m": one.scaled(0.0)}])["m"]
    assert rows.norm(dim=1).tolist() == pytest.approx([1.0, 0.0, 0.0])


def test_a_wrong_option_is_named_with_what_was_received():
    with pytest.raises(ValueError, match="received 3"):
        arrow_weights(torch.zeros(1, 4), torch.zeros(2, 4), top_k=3)
    with pytest.raises(ValueError, match=r"received 0\.0"):
        arrow_weights(torch.zeros(1, 4), torch.zeros(2, 4), top_k=1, temperature=0.0)
    with pytest.raises(ValueError, match="module 'm' must have one d_in"):
        arrow_prototypes([{"m": update(0)}, {"m": update(0, d_in=8)}])
