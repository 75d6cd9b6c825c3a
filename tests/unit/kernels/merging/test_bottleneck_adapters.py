"""MerA on bottleneck adapters: neurons are aligned before they are added, so that their order is no matter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu

from kernels.merging import Bottleneck, merge, merge_bottlenecks
from tests.unit.kernels.merging.support import generator, random_adapter, random_update, relative


def bottleneck(seed: int, *, r: int = 5, d: int = 12) -> Bottleneck:
    """Random weights and biases."""
    draw = generator(seed)
    down, up = torch.randn(r, d, generator=draw), torch.randn(d, r, generator=draw)
    return Bottleneck(down, up, torch.randn(r, generator=draw), torch.randn(d, generator=draw))


def shuffled(layer: Bottleneck, seed: int) -> Bottleneck:
    """The same function with its neurons in another order."""
    assert layer.down_bias is not None
    order = torch.randperm(layer.down.shape[0], generator=generator(seed))
    return Bottleneck(layer.down[order], layer.up[:, order], layer.down_bias[order], layer.up_bias)


def outputs(layer: Bottleneck, x: Tensor) -> Tensor:
    """What the layer adds to x (samples, d)."""
    assert layer.down_bias is not None
    assert layer.up_bias is not None
    return gelu(x @ layer.down.T + layer.down_bias) @ layer.up.T + layer.up_bias


X = torch.randn(40, 12, generator=generator(99))


@pytest.mark.parametrize("inputs", [None, X])
def test_shuffled_copies_average_to_the_adapter(inputs: Tensor | None):
    layer = bottleneck(1)
    merged = merge_bottlenecks(
        [layer, shuffled(layer, 2), shuffled(layer, 3)], weights=[1 / 3] * 3, inputs=inputs, activation=gelu
    )
    assert relative(outputs(merged, X), outputs(layer, X)) < 1e-5
    plain = 0.5 * (layer.down + shuffled(layer, 2).down)
    assert relative(plain, layer.down) > 0.3, "without alignment they would not"


def test_the_order_of_neurons_does_not_change_the_merge():
    one, other = bottleneck(1), bottleneck(2)
    before = merge_bottlenecks([one, other], weights=[0.4, 0.6])
    after = merge_bottlenecks([one, shuffled(other, 5)], weights=[0.4, 0.6])
    assert relative(outputs(after, X), outputs(before, X)) < 1e-5


def test_the_transport_is_the_cheapest_permutation():
    from itertools import permutations

    one, other = bottleneck(3, r=4), bottleneck(4, r=4)

    def traits(layer: Bottleneck) -> Tensor:
        assert layer.down_bias is not None
        return torch.cat([layer.down, layer.down_bias[:, None], layer.up.T], dim=1)

    best = min(
        permutations(range(4)), key=lambda order: float((traits(one) - traits(other)[list(order)]).square().sum())
    )
    merged = merge_bottlenecks([one, other], weights=[0.5, 0.5])
    assert torch.allclose(merged.down, 0.5 * (one.down + other.down[list(best)]))
    assert torch.allclose(merged.up, 0.5 * (one.up + other.up[:, list(best)]))
    assert torch.allclose(merged.down_bias, 0.5 * (one.down_bias + other.down_bias[list(best)]))


def test_a_narrow_layer_is_filled_up_with_idle_neurons():
    narrow, wide = bottleneck(1, r=2), bottleneck(2, r=6)
    merged = merge_bottlenecks([narrow, wide], weights=[1.0, 0.0])
    assert merged.down.shape == (6, 12)
    assert relative(outputs(merged, X), outputs(narrow, X)) < 1e-5


def test_biases_may_be_absent():
    layer = Bottleneck(torch.ones(2, 3), torch.ones(3, 2))
    merged = merge_bottlenecks([layer, layer], weights=[0.5, 0.5])
    assert merged.down_bias is None
    assert merged.up_bias is None
    assert torch.equal(merged.down, layer.down)


def test_wrong_shapes_and_weights_are_refused():
    with pytest.raises(ValueError, match=r"received \[2, 3\], \[3, 4\]"):
        Bottleneck(torch.ones(2, 3), torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"bias of shape \[2\]"):
        Bottleneck(torch.ones(2, 3), torch.ones(3, 2), torch.ones(3))
    with pytest.raises(ValueError, match="received 2 layers and 1 weights"):
        merge_bottlenecks([bottleneck(1), bottleneck(2)], weights=[1.0])
    with pytest.raises(ValueError, match="one width d"):
        merge_bottlenecks([bottleneck(1), bottleneck(2, d=7)], weights=[1.0, 1.0])


def test_on_lora_activations_decide_where_inputs_are_given():
    """Inputs that see one direction only give an alignment by that direction."""
    adapters = [{"first": random_update(1)}, {"first": random_update(2)}]
    by_weights = merge(adapters, method="mera", weights=[0.5, 0.5]).adapter["first"]
    x = torch.randn(30, 20, generator=generator(3), dtype=torch.float64)
    by_inputs = merge(adapters, method="mera", weights=[0.5, 0.5], inputs={"first": x}).adapter["first"]
    assert by_inputs.rank == by_weights.rank == 3
    assert relative(by_inputs.dense(), by_weights.dense()) > 1e-3
    copies = merge([random_adapter(1)] * 2, method="mera", weights=[0.5, 0.5],
                   inputs={"first": x, "second": x[:, :14]}).adapter  # fmt: skip
    assert relative(copies["first"].dense(), random_adapter(1)["first"].dense()) < 1e-9
