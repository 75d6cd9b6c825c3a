"""The two ways of learning that are compared: coefficients on fixed directions, and a LoRA with factors of its own."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from kernels.families.eigenlora import EigenBasis
from kernels.families.eigenlora_layers import attach, exported
from kernels.lowrank_io import WEIGHTS_NAME, save_lora
from workers.evaluation.adapters import CONFIG_NAME
from workers.evaluation.errors import Refused
from workers.training.asked import Plan
from workers.training.fitting import Learning
from workers.training.head import head_modules, head_tensors

LABELS_NAME = "head_config.json"
_ROOT = "base_model.model."


def coefficients_on(model: Any, bases: Mapping[str, EigenBasis], plan: Plan) -> Learning:
    """Wrap the layers of ``model``: only the loadings and the head learn. Raises Refused ``mixed_shapes``."""
    try:
        layers = attach(model, bases, rank=plan.rank, seed=plan.seed)
    except ValueError as error:
        raise Refused("mixed_shapes", f"the members' directions do not fit the base model: {error}") from error
    loadings = [tensor for path in sorted(layers) for tensor in (layers[path].loadings_A, layers[path].loadings_B)]
    for tensor in loadings:
        tensor.requires_grad_(True)
    return Learning(
        model, loadings, _let_learn(head_modules(model).values()), plan.coefficient_learning_rate, plan.learning_rate
    )


def lora_on(model: Any, targets: Sequence[str] | None, plan: Plan, *, task_type: str = "SEQ_CLS") -> Learning:
    """A fresh LoRA of PEFT's on ``targets`` (PEFT's own choice for the architecture without), with the head.

    Raises Refused ``target_modules_unknown``.
    """
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(plan.seed)
    config = LoraConfig(
        task_type=task_type,
        r=plan.rank,
        lora_alpha=2 * plan.rank,
        lora_dropout=0.0,
        target_modules=list(targets) if targets else None,
        modules_to_save=sorted(head_modules(model)) if task_type == "SEQ_CLS" else None,
    )
    try:
        worn = get_peft_model(model, config).eval()
    except ValueError as error:
        raise Refused(
            "target_modules_unknown",
            f"PEFT cannot put a LoRA there: {str(error)[:600]}",
            "Name the layers with `target_modules`, such as query and value.",
        ) from error
    learning = {name: tensor for name, tensor in worn.named_parameters() if tensor.requires_grad}
    adapter = [tensor for name, tensor in learning.items() if ".lora_" in name]
    head = [tensor for name, tensor in learning.items() if ".lora_" not in name]
    return Learning(worn, adapter, head, plan.learning_rate, plan.learning_rate)


def write_coefficients(model: Any, folder: Path, *, base_id: str, labels: Sequence[str]) -> Path:
    """What :func:`coefficients_on` has learnt, as an ordinary PEFT LoRA with its head: the same function."""
    heads = head_tensors(model)
    save_lora(exported(model), folder, base_model=base_id, task_type="SEQ_CLS")
    weights = folder / WEIGHTS_NAME
    tensors = load_file(weights) | {f"{_ROOT}{name}": tensor.clone() for name, tensor in heads.items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    _add_to_config(folder, modules_to_save=sorted(head_modules(model)))
    return _with_labels(folder, labels)


def write_lora(model: Any, folder: Path, *, base_id: str, labels: Sequence[str]) -> Path:
    """What :func:`lora_on` has learnt, as PEFT saves it."""
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    # PEFT writes a card of its own with the local path of the base model.
    (folder / "README.md").unlink(missing_ok=True)
    _add_to_config(folder, base_model_name_or_path=base_id)
    return _with_labels(folder, labels)


def _let_learn(modules: Iterable[torch.nn.Module]) -> list[torch.nn.Parameter]:
    tensors = [tensor for module in modules for tensor in module.parameters()]
    for tensor in tensors:
        tensor.requires_grad_(True)
    return tensors


def _add_to_config(folder: Path, **said: Any) -> None:
    path = folder / CONFIG_NAME
    config = json.loads(path.read_text(encoding="utf-8")) | said
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _with_labels(folder: Path, labels: Sequence[str]) -> Path:
    """Say beside the weights which row of the head stands for which label."""
    if labels:
        said = {"id2label": {str(row): name for row, name in enumerate(labels)}}
        (folder / LABELS_NAME).write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder
