"""Small random adapters, other factorisations of them, and PEFT models that hold the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kernels.lowrank import LowRankUpdate

SHAPES = {"first": (14, 20), "second": (24, 14)}  # (d_out, d_in)


def generator(seed: int) -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


def random_update(
    seed: int, *, rank: int = 3, d_out: int = 14, d_in: int = 20, dtype: torch.dtype = torch.float64
) -> LowRankUpdate:
    """Gaussian factors."""
    draw = generator(seed)
    A = torch.randn(rank, d_in, generator=draw, dtype=torch.float64)
    B = torch.randn(d_out, rank, generator=draw, dtype=torch.float64)
    return LowRankUpdate(A.to(dtype), B.to(dtype))


def random_adapter(seed: int, *, rank: int = 3, dtype: torch.dtype = torch.float64) -> dict[str, LowRankUpdate]:
    """An adapter of two modules of different shapes."""
    return {
        name: random_update(100 * seed + place, rank=rank, d_out=d_out, d_in=d_in, dtype=dtype)
        for place, (name, (d_out, d_in)) in enumerate(SHAPES.items())
    }


def refactored(adapter: Mapping[str, LowRankUpdate], seed: int) -> dict[str, LowRankUpdate]:
    """The same products from other factors: G^-1 A and B G with a well-conditioned G."""
    other = {}
    for place, (name, update) in enumerate(adapter.items()):
        noise = torch.randn(update.rank, update.rank, generator=generator(seed + place), dtype=torch.float64)
        G = torch.linalg.qr(noise).Q * torch.linspace(0.5, 2.0, update.rank, dtype=torch.float64)
        other[name] = LowRankUpdate(torch.linalg.solve(G, update.A.double()), update.B.double() @ G)
    return other


def distance(left: Mapping[str, LowRankUpdate], right: Mapping[str, LowRankUpdate]) -> float:
    """The largest relative distance of products over the modules."""
    assert left.keys() == right.keys()
    found = []
    for name in left:
        one, other = left[name].dense().double(), right[name].dense().double()
        found.append(float((one - other).norm() / max(float(other.norm()), 1e-12)))
    return max(found)


def relative(found: Tensor, expected: Tensor) -> float:
    """Relative Frobenius distance."""
    one, other = found.detach().double(), expected.detach().double()
    return float((one - other).norm() / other.norm())


class TwoLayers(nn.Module):
    """A base model with the two modules of `SHAPES`."""

    def __init__(self) -> None:
        super().__init__()
        for name, (d_out, d_in) in SHAPES.items():
            self.add_module(name, nn.Linear(d_in, d_out, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Apply both."""
        result: Tensor = self.second(self.first(x))  # type: ignore[operator]
        return result


def peft_model(configs: Sequence[Any], *, base: nn.Module | None = None, dtype: torch.dtype = torch.float64) -> Any:
    """A PEFT model with adapters "a0", "a1", .. of random factors."""
    from peft import get_peft_model

    torch.manual_seed(7)
    model = get_peft_model((base or TwoLayers()).to(dtype), configs[0], adapter_name="a0")
    for place, config in enumerate(configs[1:], start=1):
        model.add_adapter(f"a{place}", config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn_like(parameter))
    return model


def layers_of(model: Any) -> dict[str, Any]:
    """PEFT's LoRA layers by module path, in the model's order."""
    from peft.tuners.lora import LoraLayer

    root = model.base_model.model
    return {name: module for name, module in root.named_modules() if isinstance(module, LoraLayer)}


def adapter_from(model: Any, name: str, *, scale: float | None = None) -> dict[str, LowRankUpdate]:
    """An adapter of a PEFT model with PEFT's scale folded in, or with another one."""
    return {
        module: LowRankUpdate.from_lora(
            layer.lora_A[name].weight.data.clone(),
            layer.lora_B[name].weight.data.clone(),
            scale=layer.scaling[name] if scale is None else scale,
        )
        for module, layer in layers_of(model).items()
        if name in layer.lora_A
    }


def scales_from(model: Any, name: str) -> dict[str, float]:
    """PEFT's scale of every module of an adapter."""
    return {module: layer.scaling[name] for module, layer in layers_of(model).items() if name in layer.lora_A}


def merged_by_peft(
    model: Any, weights: Sequence[float], method: str, *, names: Sequence[str] | None = None, **options: Any
) -> dict[str, LowRankUpdate]:
    """The tensors of `add_weighted_adapter`, without the scale that the new configuration gives them."""
    chosen = list(names) if names is not None else [name for name in model.peft_config if name.startswith("a")]
    model.base_model.add_weighted_adapter(chosen, list(weights), "merged", method, **options)
    return adapter_from(model, "merged", scale=1.0)
