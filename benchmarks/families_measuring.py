"""Accuracy of adapters on their tasks: one base model a process, updates merged into it one after the other."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.families_tasks import Task

if TYPE_CHECKING:
    from kernels.lowrank import Adapter

PROCESSES = 2
HEADS_ALONE = "updates left out"
Subject = tuple[str, int]
"""The name of a form and the place of the task."""


def measure_all(tasks: Sequence[Task], forms: Mapping[str, Sequence[Path | None]]) -> dict[Subject, float]:
    """Accuracy of every form (name -> one PEFT folder a task, None where it has none) on every task.

    Of the form HEADS_ALONE the heads are taken, and no update.
    """
    share = [list(range(start, len(tasks), PROCESSES)) for start in range(PROCESSES)]
    found: dict[Subject, float] = {}
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        asked = [(places, [tasks[place] for place in places], dict(forms)) for places in share]
        for part in pool.map(_measure, asked):
            found |= part
    return found


def _measure(asked: tuple[list[int], list[Task], dict[str, Sequence[Path | None]]]) -> dict[Subject, float]:
    places, tasks, forms = asked
    import torch
    from transformers import AutoModel

    from demo.measuring import load_tokenizer, make_deterministic
    from kernels.lowrank_io import load_updates
    from tests.functional.real_adapters import minilm_folder

    make_deterministic(0)
    base = minilm_folder()
    model, tokenizer = AutoModel.from_pretrained(base, dtype=torch.float32).eval(), load_tokenizer(base)
    modules = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    plain = {name: module.weight.detach().clone() for name, module in modules.items()}
    found = {}
    for place, task in zip(places, tasks, strict=True):
        batches = _encoded(tokenizer, task)
        for form, folders in forms.items():
            folder = folders[place] if place < len(folders) else None
            if folder is not None:
                _apply({} if form == HEADS_ALONE else load_updates(folder), modules, plain)
                found[form, place] = _accuracy(model, folder, batches)
    return found


def _encoded(tokenizer: Any, task: Task) -> list[tuple[Any, Any]]:
    import torch

    from demo.measuring import BATCH_SIZE, encode

    rows = sorted(task.test, key=lambda row: (len(row[0]), row))
    cut = [rows[start : start + BATCH_SIZE] for start in range(0, len(rows), BATCH_SIZE)]
    return [(encode(tokenizer, [text for text, _ in part]), torch.tensor([label for _, label in part])) for part in cut]


def _apply(updates: "Adapter", modules: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
    """Merge the updates into the base model's own weights."""
    import torch

    with torch.no_grad():
        for name, module in modules.items():
            module.weight.copy_(plain[name])
        for name, update in updates.items():
            modules[name.removeprefix("bert.")].weight.add_(update.dense())


def _accuracy(model: Any, folder: Path, batches: list[tuple[Any, Any]]) -> float:
    import torch
    from safetensors.torch import load_file

    tensors = load_file(folder / "adapter_model.safetensors")
    weight, bias = (tensors[f"base_model.model.classifier.{part}"].float() for part in ("weight", "bias"))
    right = 0
    with torch.no_grad():
        for batch, labels in batches:
            logits = model(**batch).pooler_output @ weight.T + bias
            right += int((logits.argmax(1) == labels).sum())
    return right / sum(len(labels) for _, labels in batches)
