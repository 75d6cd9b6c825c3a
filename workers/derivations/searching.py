"""LoraHub: weights fitted to a few labelled rows, the model loaded once and its factors exchanged for every try."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import save_lora
from kernels.merging import compose, search_weights
from kernels.uncertainty import calibration
from workers.derivations.folder import task_type_of, whole_layout
from workers.derivations.heads import Heads
from workers.derivations.members import Member
from workers.evaluation.asked import Asked
from workers.evaluation.base import Base
from workers.evaluation.bayesian_rows import anchor_split, predictor_of
from workers.evaluation.errors import Refused


def search(
    argument: Mapping[str, Any], members: Sequence[Member], heads: Heads, progress: Callable[[float], None]
) -> dict[str, Any]:
    """The ``weights`` of least loss found, with the loss of these, of the base and of every try.

    LoraHub (arXiv 2307.13269): mean loss on the anchor rows plus a penalty on the weights. What is tried is the exact
    sum of the updates, worn by the base model with the head that is kept.
    """
    recipe, out = argument["recipe"], Path(argument["scratch"]) / "search"
    asked = Asked.from_argument(
        {**argument, "subjects": [{"evaluation_id": "search", "files": {}, "settings": {"seed": recipe["seed"]}}]}
    )
    updates = [member.updates for member in members]
    device = next(iter(updates[0].values())).device
    everything = compose(updates, weights=[1.0] * len(updates))
    save_lora(
        {name: update.to(device="cpu") for name, update in everything.items()},
        out,
        base_model=argument["base"]["name"],
        task_type=task_type_of(members),
        layout=whole_layout(members),
        copies=heads.copies,
    )
    wanted = recipe["search"]
    predictor = predictor_of(asked, Base(asked.base, device), asked.subjects[0], int(wanted["rows"]))
    with predictor.on(out) as model:
        wearer = Wearer(model, everything)

        def loss(adapter: Mapping[str, LowRankUpdate]) -> float:
            wearer.put_on(adapter)
            return calibration(predictor.probabilities("anchor"), predictor.truth("anchor")).nll

        found = search_weights(
            updates,
            loss,
            budget=int(wanted["budget"]),
            bound=float(wanted["bound"]),
            l1_penalty=float(wanted["l1_penalty"]),
            seed=int(recipe["seed"]) % (1 << 32),
            progress=progress,
        )
        rows = len(predictor.truth("anchor"))
    if not any(found.weights):
        raise Refused(
            "changes_nothing", f"no weights in {len(found.history)} tries were better than the base model alone"
        )
    return {
        "weights": list(found.weights),
        "loss": found.loss,
        "loss_of_base": found.history[0][1],
        "rows": rows,
        "split": anchor_split(asked.set),
        "tried": len(found.history),
        "history": [{"weights": list(weights), "loss": loss} for weights, loss in found.history],
    }


class Wearer:
    """The LoRA layers of a PeftModel, whose factors are exchanged for others of at most their rank."""

    def __init__(self, model: Any, everything: Mapping[str, LowRankUpdate]) -> None:
        from peft.tuners.lora import LoraLayer

        self._layers: dict[str, tuple[torch.nn.Parameter, torch.nn.Parameter]] = {}
        for name, module in model.named_modules():
            if isinstance(module, LoraLayer) and (own := name.removeprefix("base_model.model.")) in everything:
                (adapter,) = module.active_adapters
                halves = module.lora_A if adapter in module.lora_A else module.lora_embedding_A
                others = module.lora_B if adapter in module.lora_B else module.lora_embedding_B
                self._layers[own] = (_parameter(halves[adapter]), _parameter(others[adapter]))

    def put_on(self, adapter: Mapping[str, LowRankUpdate]) -> None:
        """Let the model wear ``adapter``; what it lacks becomes zero. The saved scale is 1, so that factors are all."""
        for name, (A, B) in self._layers.items():
            update = adapter.get(name)
            flat_A, flat_B = torch.zeros_like(A).flatten(1), torch.zeros_like(B).flatten(1)
            if update is not None and update.rank:
                flat_A[: update.rank], flat_B[:, : update.rank] = update.A.to(A), update.B.to(B)
            A.data, B.data = flat_A.view_as(A), flat_B.view_as(B)


def _parameter(factor: Any) -> torch.nn.Parameter:
    weight = factor if isinstance(factor, torch.nn.Parameter) else factor.weight
    assert isinstance(weight, torch.nn.Parameter)
    return weight
