"""Arrow routing from weights alone: one prototype per adapter and module, weights of experts per token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..lowrank import Adapter, thin_forms
from .cosine import module_names


def arrow_prototypes(adapters: Sequence[Adapter]) -> dict[str, Tensor]:
    """The top right singular vector of every update by module, (N, d_in); a zero row where an adapter has no update.

    The direction of unit input that the update moves most; its sign means nothing and follows the canonical form.
    Ostapenko et al., arXiv 2405.11157.
    """
    prototypes = {}
    for name in module_names(adapters):
        places = [place for place, adapter in enumerate(adapters) if name in adapter]
        forms = thin_forms([adapters[place][name] for place in places])
        widths = {form.V.shape[0] for form in forms}
        if len(widths) > 1:
            raise ValueError(f"module {name!r} must have one d_in in all adapters; received {sorted(widths)}")
        rows = torch.zeros(len(adapters), widths.pop(), dtype=torch.float32, device=forms[0].V.device)
        for place, form in zip(places, forms, strict=True):
            if form.S.numel() and float(form.S[0]) > 0:
                rows[place] = form.V[:, 0].float()
        prototypes[name] = rows
    return prototypes


def arrow_weights(tokens: Tensor, prototypes: Tensor, *, top_k: int = 3, temperature: float = 1.0) -> Tensor:
    """Weight of each expert for each token, (T, N), rows summing to 1: softmax of `|x . v_i|` over the `top_k` largest.

    tokens (T, d_in), prototypes (N, d_in). Ostapenko et al., arXiv 2405.11157.
    """
    if not 1 <= top_k <= prototypes.shape[0]:
        raise ValueError(f"top_k must be in 1 .. {prototypes.shape[0]}, the number of experts; received {top_k}")
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0; received {temperature!r}")
    scores = (tokens @ prototypes.to(tokens.dtype).T).abs()
    best = scores.topk(top_k, dim=1)
    kept = torch.full_like(scores, float("-inf")).scatter_(1, best.indices, best.values)
    return torch.softmax(kept / temperature, dim=1)
