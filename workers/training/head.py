"""The head of a classifier: what lies outside its body, and where its training starts."""

from typing import Any

import torch

from workers.evaluation.batching import Batching, run_in_batches
from workers.evaluation.heads import Indices, fit_head
from workers.training.rows import Rows

_BATCH_ROWS = 32
# Strong decay: a head of large weights would turn the adapter's first steps into leaps.
START_STRENGTH = 0.1


def head_modules(model: Any) -> dict[str, torch.nn.Module]:
    """The modules beside the body that have parameters of their own, by name: ``classifier``, ``score``."""
    return {
        name: module
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    }


def head_tensors(model: Any) -> dict[str, torch.Tensor]:
    """Every tensor of the head by its path in ``model``."""
    return {
        f"{name}.{inner}": tensor.detach().cpu().contiguous()
        for name, module in head_modules(model).items()
        for inner, tensor in module.state_dict().items()
    }


def start_head(model: Any, rows: Rows, truth: Indices, classes: int) -> bool:
    """Fit a linear head on what the frozen body says of ``rows``; whether it could be.

    Linear probing, then fine-tuning (Kumar et al. 2022, arXiv 2202.10054, section 4): the steps go into the adapter.
    A head of several layers, or one that is asked at every token, starts as it was drawn.
    """
    heads = list(head_modules(model).values())
    if len(heads) != 1 or not isinstance(heads[0], torch.nn.Linear):
        return False
    head, seen = heads[0], []
    hook = head.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    try:
        features = run_in_batches(
            rows.encoded,
            rows.tokenizer,
            lambda batch: _entered(model, batch, seen),
            used=Batching(batch_size=_BATCH_ROWS, found=False),
            device=model.device,
        )
    finally:
        hook.remove()
    if features[0].ndim != 1:
        return False
    fitted = fit_head(torch.stack(features).double().numpy(), truth, classes, START_STRENGTH)
    weight = fitted.weight / fitted.deviation
    bias = fitted.bias - weight @ fitted.mean
    # A label without rows has a bias of minus infinity, from which nothing could be learnt.
    bias[~(bias > -1e9)] = bias[bias > -1e9].min(initial=0.0) - 10.0
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight).to(head.weight))
        if head.bias is not None:
            head.bias.copy_(torch.from_numpy(bias).to(head.bias))
    return True


def _entered(model: Any, batch: dict[str, torch.Tensor], seen: list[torch.Tensor]) -> torch.Tensor:
    model(**batch)
    return seen.pop()
