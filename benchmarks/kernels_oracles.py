"""The originals and rivals, each on the same seeded pool, run in a process of its own by kernels_measuring.bounded."""

from typing import Any

import torch
from torch import nn

from benchmarks.kernels_measuring import Measured, measure
from benchmarks.kernels_pools import lora_pool, planted_pool
from kernels.lowrank import LowRankUpdate
from kernels.reduction import distance

Shape = dict[str, Any]


def peft_merge(*, shape: Shape, method: str, rank: int, density: float | None) -> Measured:
    """PEFT's add_weighted_adapter on one linear layer; value: A (k, d) and B (d, k) as arrays."""
    from peft import LoraConfig, get_peft_model

    class OneLayer(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.q = nn.Linear(width, width, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.q(x)

    updates = lora_pool(**shape)
    config = LoraConfig(r=shape["rank"], lora_alpha=shape["rank"], target_modules=["q"])
    names = [f"a{place}" for place in range(len(updates))]
    model = get_peft_model(OneLayer(shape["width"]), config, adapter_name=names[0])
    for name in names[1:]:
        model.add_adapter(name, config)
    layer = model.base_model.model.q
    with torch.no_grad():
        for name, update in zip(names, updates, strict=True):
            layer.lora_A[name].weight.copy_(update.A)
            layer.lora_B[name].weight.copy_(update.B)
    weights = [1.0 / len(names)] * len(names)
    result = measure(
        lambda: model.add_weighted_adapter(
            names, weights, "merged", combination_type=method, svd_rank=rank, density=density
        )
    )
    found = (layer.lora_A["merged"].weight.detach().numpy(), layer.lora_B["merged"].weight.detach().numpy())
    return Measured(found, result.wall_seconds, result.cpu_seconds, result.peak_bytes)


def tensorly_tucker(*, shape: Shape, rank: int) -> Measured:
    """tensorly's partial_tucker of the dense tensor (N, d, d) of unit updates; value: mean squared relative error.

    On its PyTorch backend, started by its randomised SVD, its fastest way: the default start takes minutes more. Its
    own errors are computed by subtraction, so that the captured energy is taken from its factors instead.
    """
    import tensorly
    from tensorly.decomposition import partial_tucker

    tensorly.set_backend("pytorch")
    updates = [update.scaled(1.0 / update.norm()) for update in planted_pool(**shape)]
    dense = torch.stack([update.dense() for update in updates])
    options = {"rank": [rank, rank], "modes": [1, 2], "svd": "randomized_svd", "random_state": 0}
    result = measure(lambda: partial_tucker(dense, **options))
    (_, (U, V)), _ = result.value
    captured = sum(float(((U.T @ update.B) @ (update.A @ V)).double().square().sum()) for update in updates)
    return Measured(1.0 - captured / len(updates), result.wall_seconds, result.cpu_seconds, result.peak_bytes)


def vlora(*, shape: Shape, held_in: int, components: int) -> Measured:
    """vlora-dev's subspace of the first `held_in` adapters; value: errors held in and projected, and bytes."""
    from vlora.io import LoRAWeights
    from vlora.subspace import SharedSubspace

    updates = planted_pool(**shape)
    adapters = [LoRAWeights(["m"], {"m": one.A}, {"m": one.B}, one.rank) for one in updates]
    names = [str(place) for place in range(len(adapters))]

    def fit() -> SharedSubspace:
        return SharedSubspace.from_adapters(adapters[:held_in], names[:held_in], num_components=components)

    result = measure(fit)
    space = result.value
    for name, adapter in list(zip(names, adapters, strict=True))[held_in:]:
        space.add_task(space.project(adapter, name))
    errors = []
    for name, update in zip(names, updates, strict=True):
        made = space.reconstruct(name)
        near = LowRankUpdate(made.lora_a["m"].clone(), made.lora_b["m"].clone())
        errors.append((distance(update, near) / update.norm()) ** 2)
    parts = (space.components_a, space.components_b, space.means_a, space.means_b)
    size = sum(part["m"].numel() for part in parts) * 4 + held_in * 2 * components * 4
    value = (_mean(errors[:held_in]), _mean(errors[held_in:]), size)
    return Measured(value, result.wall_seconds, result.cpu_seconds, result.peak_bytes)


def wide_eigen_route(*, shape: Shape, rank: int) -> Measured:
    """EigenLoRAx by d x d covariances as published, but symmetric and uncentred; value: shares of energy kept.

    The published route takes the general eigendecomposition of the same matrices, which costs several times more.
    """
    from kernels.lowrank import thin_forms

    balanced = [form.as_update() for form in thin_forms(planted_pool(**shape))]
    sides = (torch.cat([one.B for one in balanced], 1), torch.cat([one.A.T for one in balanced], 1))

    def decompose() -> list[torch.Tensor]:
        return [torch.linalg.eigh(X @ X.T).eigenvectors[:, -rank:] for X in sides]

    result = measure(decompose)
    kept = [
        float((W.T @ X).double().square().sum() / X.double().square().sum())
        for W, X in zip(result.value, sides, strict=True)
    ]
    return Measured(tuple(kept), result.wall_seconds, result.cpu_seconds, result.peak_bytes)


def _mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))
