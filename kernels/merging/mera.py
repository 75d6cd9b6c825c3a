"""MerA: align the neurons of adapters by optimal transport, then add them up; for LoRA and bottleneck adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import copysign

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped, unused-ignore]
from torch import Tensor

from ..lowrank import LowRankUpdate, computing_dtype, padded, thin_forms
from .members import Members
from .methods import Alignment, Merged, Settings

# Between neurons of equal mass an optimal transport plan without entropy is a permutation (Birkhoff), so that the
# exact solution is an assignment; unequal numbers of neurons are filled up with neurons that are zero.


@dataclass(frozen=True)
class Bottleneck:
    """One bottleneck layer `x + up f(down x + down_bias) + up_bias`: down (r, d), up (d, r), biases (r,) and (d,)."""

    down: Tensor
    up: Tensor
    down_bias: Tensor | None = None
    up_bias: Tensor | None = None

    def __post_init__(self) -> None:
        """ValueError unless the shapes belong together."""
        if self.down.ndim != 2 or self.up.ndim != 2 or self.down.shape[0] != self.up.shape[1]:
            raise ValueError(
                f"down (r, d), up (d, r) expected; received {list(self.down.shape)}, {list(self.up.shape)}"
            )
        for bias, size in ((self.down_bias, self.down.shape[0]), (self.up_bias, self.up.shape[0])):
            if bias is not None and list(bias.shape) != [size]:
                raise ValueError(f"a bias of shape [{size}] expected; received {list(bias.shape)}")


def align_and_add(members: Members, settings: Settings) -> Merged:
    """LoRA: `A = sum sgn(w_i) p_i T_i A_i`, `B = W sum p_i B_i T_i^-1`, W = sum |w_i|, p_i = |w_i| / W.

    MerA (He et al., arXiv 2308.15982, section 3): the average of aligned canonical factors, times the total weight;
    its neurons are the r directions of a LoRA, so that equal adapters give their weighted sum. T_i is the signed
    permutation (or with alignment "rotation" the orthogonal matrix, Procrustes) that brings member i nearest to the
    one with the largest weighted norm: by weights, or by the activations of `settings.inputs` (samples, d_in).
    """
    forms = thin_forms(members.updates)
    B, A = padded([form.as_update() for form in forms])
    sizes = [form.norm() * abs(weight) for form, weight in zip(forms, members.weights, strict=True)]
    reference = sizes.index(max(sizes))
    total = sum(map(abs, members.weights))
    merged_A, merged_B = torch.zeros_like(A[0]), torch.zeros_like(B[0])
    for place, weight in enumerate(members.weights):
        likeness = _likeness(A, B, reference, place, settings.inputs)
        transport = _transport(likeness, settings.alignment).to(A.dtype)
        share = abs(weight) / total
        merged_A += copysign(share, weight) * (transport @ A[place])
        merged_B += total * share * (B[place] @ transport.T)
    return Merged(LowRankUpdate(merged_A, merged_B))


def merge_bottlenecks(
    layers: Sequence[Bottleneck],
    *,
    weights: Sequence[float],
    inputs: Tensor | None = None,
    activation: Callable[[Tensor], Tensor] = torch.relu,
) -> Bottleneck:
    """The weighted sum of bottleneck layers whose neurons are aligned with those of the first by optimal transport.

    MerA (arXiv 2308.15982, section 3): the cost of a pair of neurons is the squared distance of their weights, or of
    their activations over `inputs` (samples, d). Widths r may differ; the result has the largest. Biases that a
    layer lacks count as zero. ValueError for weights that are not one per layer, or layers of unequal d.
    """
    if not layers or len(weights) != len(layers):
        raise ValueError(f"weights must be one per layer; received {len(layers)} layers and {len(weights)} weights")
    shapes = {(layer.down.shape[1], layer.up.shape[0]) for layer in layers}
    if len(shapes) > 1:
        raise ValueError(f"layers must have one width d; received {sorted(shapes)}")
    width = max(layer.down.shape[0] for layer in layers)
    filled = [_filled(layer, width) for layer in layers]
    total: list[Tensor] | None = None
    for layer, weight in zip(filled, weights, strict=True):
        cost = torch.cdist(_traits(filled[0], inputs, activation), _traits(layer, inputs, activation)).square()
        _, order = linear_sum_assignment(cost.double().cpu().numpy())
        down, up, down_bias, up_bias = layer
        picked = torch.from_numpy(np.asarray(order))
        aligned = [down[picked], up[:, picked], down_bias[picked], up_bias]
        scaled = [float(weight) * part for part in aligned]
        total = scaled if total is None else [old + new for old, new in zip(total, scaled, strict=True)]
    assert total is not None
    has_down_bias = any(layer.down_bias is not None for layer in layers)
    has_up_bias = any(layer.up_bias is not None for layer in layers)
    return Bottleneck(total[0], total[1], total[2] if has_down_bias else None, total[3] if has_up_bias else None)


def _likeness(A: Tensor, B: Tensor, reference: int, place: int, inputs: Tensor | None) -> Tensor:
    """Inner products (r, r) between the neurons of the reference and those of a member, float64."""
    if inputs is None:
        return (A[reference] @ A[place].T + B[reference].T @ B[place]).double()
    activations = [inputs.to(A) @ A[index].T for index in (reference, place)]
    return (activations[0].T @ activations[1]).double()


def _transport(likeness: Tensor, alignment: Alignment) -> Tensor:
    """The orthogonal T (r, r) with the largest `<T, likeness>`, among signed permutations or all rotations."""
    if alignment == "rotation":
        X, _, Yh = torch.linalg.svd(likeness)
        return X @ Yh
    rows, columns = linear_sum_assignment(-likeness.abs().cpu().numpy())
    transport = torch.zeros_like(likeness)
    found = likeness[rows, columns]
    transport[rows, columns] = torch.where(found < 0, -1.0, 1.0).to(likeness.dtype)
    return transport


def _filled(layer: Bottleneck, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Down, up and both biases in the computing dtype, with zero neurons up to `width`."""
    dtype = computing_dtype(layer.down.dtype, layer.up.dtype)
    r, d = layer.down.shape
    down, up = layer.down.new_zeros(width, d, dtype=dtype), layer.up.new_zeros(layer.up.shape[0], width, dtype=dtype)
    down[:r], up[:, :r] = layer.down, layer.up
    down_bias, up_bias = down.new_zeros(width), down.new_zeros(layer.up.shape[0])
    if layer.down_bias is not None:
        down_bias[:r] = layer.down_bias
    if layer.up_bias is not None:
        up_bias[:] = layer.up_bias
    return down, up, down_bias, up_bias


def _traits(
    layer: tuple[Tensor, Tensor, Tensor, Tensor], inputs: Tensor | None, activation: Callable[[Tensor], Tensor]
) -> Tensor:
    """One row per neuron (r, traits): its weights and bias, or its activations."""
    down, up, down_bias, _ = layer
    if inputs is None:
        return torch.cat([down, down_bias[:, None], up.T], dim=1)
    return activation(inputs.to(down) @ down.T + down_bias).T.contiguous()
