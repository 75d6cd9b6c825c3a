"""Real sets of labelled texts, cut small, and adapters that PEFT trains on them within seconds."""

import json
from pathlib import Path
from typing import Any

import pytest


def rows_of(shared: Path, name: str, split: str, count: int) -> list[dict[str, Any]]:
    """``count`` rows spread over one split of ``eval_sets/name``; skips by name where it is absent."""
    path = shared / "data" / "eval_sets" / name / f"{split}.jsonl"
    if not path.is_file():
        pytest.skip(f"needs ../shared/data/eval_sets/{name}")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    step = max(1, len(rows) // count)
    return rows[::step][:count]


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    """The rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def train_adapter(base: Path, folder: Path, rows: list[dict[str, Any]], labels: list[str], *, seed: int = 0) -> Path:
    """A LoRA with a head, trained on ``rows`` for two epochs, saved as PEFT does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(labels), local_files_only=True)
    model = get_peft_model(plain, LoraConfig(task_type="SEQ_CLS", r=8, target_modules=["query", "value"]))
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=5e-3)
    for _ in range(2):
        for batch in torch.randperm(len(rows)).split(16):
            texts = [rows[row]["text"] for row in batch]
            targets = torch.tensor([labels.index(rows[row]["label"]) for row in batch])
            model(**tokenizer(texts, padding=True, return_tensors="pt"), labels=targets).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder
