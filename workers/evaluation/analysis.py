"""What an adapter does inside the model: how dense its activations are, what each layer changes, what it is worth."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from workers.evaluation.batching import Forward
from workers.evaluation.features import real_tokens
from workers.evaluation.passing import Pass

ROWS = 64
_NUMBER = re.compile(r"\.(\d+)\.")
_OF_NO_MLP = (torch.nn.Tanh, torch.nn.Sigmoid, torch.nn.Softmax, torch.nn.MultiheadAttention)


def analyse(run: Pass, worn: Any, score: Callable[[], float]) -> dict[str, Any]:
    """What the adapter that ``worn`` (a PeftModel) has does to the rows of ``run``; some sixty are enough.

    ``activation_density`` and ``activation_density_base``: the share of the MLPs' activations above 0, which for ReLU
    is the share that is not 0 (DEFT). ``layers``: for each one that the adapter touches ``effect``, how far it moves
    that layer's states, relative to their norm without it; and ``score_without``, the score with the adapter left out
    of that layer alone.
    """
    own, own_states = _density_and_states(run, worn)
    with worn.disable_adapter():
        base, base_states = _density_and_states(run, worn)
    effects = [_effect(one, other) for one, other in zip(own_states, base_states, strict=True)]
    layers = []
    for number, modules in sorted(_tuned_layers(worn).items()):
        with _left_out(modules):
            without = score()
        # The states begin with the embeddings'.
        effect = effects[number + 1] if number + 1 < len(effects) else None
        layers.append({"layer": number, "effect": effect, "score_without": without})
    return {"activation_density": own, "activation_density_base": base, "layers": layers, "rows": len(run.rows)}


def _density_and_states(run: Pass, model: Any) -> tuple[float | None, list[torch.Tensor]]:
    """The share of active activations, and every layer's states of all real tokens `(tokens, hidden)`."""
    active, total = 0, 0
    mask = torch.empty(0)

    def count(module: Any, inputs: Any, output: Any) -> None:
        nonlocal active, total
        if torch.is_tensor(output) and output.dim() == 3 and output.shape[:2] == mask.shape:
            active += int(((output > 0) & mask.bool().unsqueeze(-1)).sum())
            total += int(mask.sum()) * output.shape[2]

    def forward(batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        nonlocal mask
        mask = batch["attention_mask"]
        states = torch.stack(model(**batch, output_hidden_states=True).hidden_states, dim=2)
        return real_tokens(states[:, -mask.shape[1] :], mask)

    hooks = [module.register_forward_hook(count) for module in model.modules() if _is_activation(module)]
    try:
        states = torch.cat(run.run(forward))
    finally:
        for hook in hooks:
            hook.remove()
    return (round(active / total, 6) if total else None), list(states.unbind(dim=1))


def _is_activation(module: Any) -> bool:
    """Whether it is the function between an MLP's two matrices."""
    place = type(module).__module__
    is_one = place in ("torch.nn.modules.activation", "transformers.activations")
    return is_one and not isinstance(module, _OF_NO_MLP)


def _effect(own: torch.Tensor, base: torch.Tensor) -> float:
    return round(float((own - base).norm() / base.norm().clamp_min(1e-12)), 6)


def _tuned_layers(worn: Any) -> dict[int, list[Any]]:
    """The modules that the adapter wraps, by the number of their layer."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: dict[int, list[Any]] = defaultdict(list)
    for name, module in worn.named_modules():
        if isinstance(module, BaseTunerLayer) and (number := _NUMBER.search(name)):
            layers[int(number[1])].append(module)
    return layers


@contextmanager
def _left_out(modules: list[Any]) -> Iterator[None]:
    for module in modules:
        module.enable_adapters(False)
    try:
        yield
    finally:
        for module in modules:
            module.enable_adapters(True)


def scored(run: Pass, forward: Forward, score: Callable[[list[torch.Tensor]], float]) -> Callable[[], float]:
    """The score of ``run`` through ``forward``, computed anew at each call."""
    return lambda: round(score(run.run(forward)), 6)
