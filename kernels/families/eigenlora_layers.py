"""Layers that train EigenLoRAx coefficients inside a model: a frozen base Linear, frozen components, small loadings."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..lowrank import LowRankUpdate
from .eigenlora import EigenBasis, EigenMember


class EigenLoRALinear(nn.Module):
    """`base(x) + ((x W_A) L_A L_B^T) W_B^T`; only L_A (K_A, r) and L_B (K_B, r) are trained (2 K r values).

    EigenLoRAx (arXiv 2502.04700, section 3.2). Starts with L_A random, of the scale of a LoRA's A, and L_B zero, so
    that the model is unchanged; or from a member's loadings.
    """

    components_A: Tensor  # noqa: N815
    components_B: Tensor  # noqa: N815

    def __init__(
        self,
        base: nn.Module,
        basis: EigenBasis,
        *,
        rank: int,
        member: EigenMember | None = None,
        seed: int = 0,
        dropout: float = 0.0,
    ) -> None:
        """Wrap `base`, a Linear or a Conv1D; ValueError when the basis, the rank or the member does not fit."""
        super().__init__()
        shape = _features(base)
        if shape != (basis.W_B.shape[0], basis.W_A.shape[0]):
            raise ValueError(f"the basis is for {basis.W_B.shape[0]} x {basis.W_A.shape[0]}; the layer is {shape}")
        if rank < 1 or (member is not None and member.L_B.shape[1] != rank):
            raise ValueError(f"rank must be at least 1 and the member's own; received {rank}")
        weight = next(base.parameters())
        self.base_layer = base.requires_grad_(False)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("components_A", basis.W_A.to(weight.device))
        self.register_buffer("components_B", basis.W_B.to(weight.device))
        L_A, L_B = _first_loadings(basis, rank, member, seed)
        self.loadings_A = nn.Parameter(L_A.to(weight.device))
        self.loadings_B = nn.Parameter(L_B.to(weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """(.., d_in) -> (.., d_out), in the dtype of the base's output."""
        result: Tensor = self.base_layer(x)
        hidden = self.dropout(x).to(self.loadings_A.dtype) @ self.components_A
        delta = ((hidden @ self.loadings_A) @ self.loadings_B.T) @ self.components_B.T
        return result + delta.to(result.dtype)

    def update(self) -> LowRankUpdate:
        """What this layer adds, as an ordinary LoRA of rank r: the same function."""
        A = (self.components_A @ self.loadings_A).T.contiguous()
        return LowRankUpdate(A, self.components_B @ self.loadings_B)


def attach(
    model: nn.Module,
    bases: Mapping[str, EigenBasis],
    *,
    rank: int,
    members: Mapping[str, EigenMember] | None = None,
    seed: int = 0,
    dropout: float = 0.0,
) -> dict[str, EigenLoRALinear]:
    """Freeze `model` and wrap the modules that `bases` names by path; returns the new layers, all that will train.

    ValueError when a path is not in the model, or a basis does not fit its layer; then nothing was changed.
    """
    missing = [path for path in bases if path not in dict(model.named_modules())]
    if missing:
        raise ValueError(f"the model has no module {missing[0]!r}, which the basis is for")
    layers = {}
    for turn, path in enumerate(sorted(bases)):
        member = members.get(path) if members else None
        layers[path] = EigenLoRALinear(
            model.get_submodule(path),
            bases[path],
            rank=member.L_B.shape[1] if member else rank,
            member=member,
            seed=seed + turn,
            dropout=dropout,
        )
    model.requires_grad_(False)
    for path, layer in layers.items():
        _replace(model, path, layer)
    return layers


def detach(model: nn.Module) -> dict[str, LowRankUpdate]:
    """Put the base layers back and return what the wrapped ones added, module path -> update."""
    layers = {path: module for path, module in model.named_modules() if isinstance(module, EigenLoRALinear)}
    updates = {}
    for path, layer in layers.items():
        updates[path] = layer.update()
        _replace(model, path, layer.base_layer)
    return updates


def exported(model: nn.Module) -> dict[str, LowRankUpdate]:
    """What the wrapped layers of a model add, as an ordinary adapter for `save_lora`; equal logits."""
    return {path: module.update() for path, module in model.named_modules() if isinstance(module, EigenLoRALinear)}


def _first_loadings(basis: EigenBasis, rank: int, member: EigenMember | None, seed: int) -> tuple[Tensor, Tensor]:
    if member is not None:
        return member.L_A.clone(), member.L_B.clone()
    generator = torch.Generator().manual_seed(seed)
    K_A, K_B = basis.W_A.shape[1], basis.W_B.shape[1]
    # W_A L_A has entries of the variance 1 / (3 d_in) that LoRA's uniform start of A has.
    L_A = torch.randn(K_A, rank, generator=generator) / (3.0 * K_A) ** 0.5
    return L_A.to(basis.W_A), torch.zeros(K_B, rank).to(basis.W_B)


def _features(base: nn.Module) -> tuple[int, int]:
    """(d_out, d_in) of a Linear or of transformers' Conv1D, whose weight is (d_in, d_out)."""
    weight = getattr(base, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 2:
        raise ValueError(f"only layers with a weight matrix can be wrapped; received {type(base).__name__}")
    d_out, d_in = weight.shape
    return (d_in, d_out) if type(base).__name__ == "Conv1D" else (d_out, d_in)


def _replace(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)
