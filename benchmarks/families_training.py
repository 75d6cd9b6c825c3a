"""Adapters for the tasks, trained by one script as a team would: LoRA of rank 8 on all-MiniLM-L6-v2, head and all."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.families_tasks import Task

RANK, EPOCHS, BATCH_SIZE, LEARNING_RATE = 8, 4, 16, 4e-3
BASE_ID = "sentence-transformers/all-MiniLM-L6-v2"
PROCESSES = 2


def train_all(tasks: list[Task], folder: Path, *, is_one_start: bool) -> list[Path]:
    """A PEFT folder for each task; those that are there already are kept. `is_one_start`: A begins alike everywhere."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        asked = [(task, folder / task.name, 0 if is_one_start else 1 + place) for place, task in enumerate(tasks)]
        return list(pool.map(_train, asked))


def _train(asked: tuple[Task, Path, int]) -> Path:
    task, folder, seed = asked
    if (folder / "adapter_model.safetensors").is_file():
        return folder
    import torch
    from torch.nn import functional

    from demo.measuring import encode, make_deterministic
    from tests.functional.real_adapters import minilm_folder

    make_deterministic(seed)
    base = minilm_folder()
    model, tokenizer = _model(base, task, seed)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.01)
    batches = _batches(task, seed)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=len(batches), pct_start=0.1)
    model.train()
    for rows in batches:
        logits = model(**encode(tokenizer, [text for text, _ in rows])).logits
        functional.cross_entropy(logits, torch.tensor([label for _, label in rows])).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    model.save_pretrained(folder)
    (folder / "labels.json").write_text(json.dumps(task.labels, ensure_ascii=False))
    return folder


def _model(base: Path, task: Task, seed: int) -> tuple[Any, Any]:
    """The frozen base with a fresh head and a fresh LoRA, which learn together: neither does without the other."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    from demo.measuring import load_tokenizer

    tokenizer = load_tokenizer(base)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=len(task.labels), dtype=torch.float32, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model.name_or_path = BASE_ID
    torch.manual_seed(seed)
    config = LoraConfig(
        task_type="SEQ_CLS", r=RANK, lora_alpha=2 * RANK, target_modules=["query", "value"],
        base_model_name_or_path=BASE_ID,
    )  # fmt: skip
    return get_peft_model(model, config), tokenizer


def _batches(task: Task, seed: int) -> list[list[tuple[str, int]]]:
    """Batches of texts of similar length, in random order, for all epochs."""
    import random

    generator, batches = random.Random(seed), []
    for _ in range(EPOCHS):
        rows = list(task.train)
        generator.shuffle(rows)
        rows.sort(key=lambda row: len(row[0]) // 8)
        cut = [rows[start : start + BATCH_SIZE] for start in range(0, len(rows), BATCH_SIZE)]
        generator.shuffle(cut)
        batches += cut
    return batches
