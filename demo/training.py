"""Trains one LoRA adapter with PEFT on the CPU; the same seed and versions give the same adapter."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoModelForSequenceClassification

from demo.corpus import Example
from demo.measuring import encode
from demo.tasks import Task

TRAIN_BATCH_SIZE = 16
WARMUP_FRACTION = 0.1
_NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}

Progress = Callable[[int, int, float], None]
"""Called after each step with the steps done, the steps in all and the loss."""


def train_adapter(model: PeftModel, task: Task, tokenizer: Any, examples: Sequence[Example], on_step: Progress) -> None:
    """Train the adapter and its classification head together, in place.

    The head starts where the head alone ended: "linear probing, then fine-tuning" (Kumar et al. 2022, section 4),
    so that the few steps go into the adapter.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=task.learning_rate, weight_decay=0.01)
    batches = [batch for epoch in range(task.epochs) for batch in _shuffled_batches(examples, task.seed + epoch)]
    schedule = LambdaLR(optimizer, lambda step: _learning_rate_factor(step, len(batches)))
    model.train()
    for step, batch in enumerate(batches, start=1):
        inputs = encode(tokenizer, [example.text for example in batch])
        labels = torch.tensor([example.label for example in batch])
        loss = functional.cross_entropy(model(**inputs).logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        on_step(step, len(batches), loss.item())


def build_model(task: Task, base_path: Path, base_id: str, head: torch.nn.Linear) -> PeftModel:
    """The frozen base, a fresh adapter and a copy of `head`; the saved config names `base_id`, not a local folder."""
    base = AutoModelForSequenceClassification.from_pretrained(
        base_path, num_labels=len(task.labels), dtype=torch.float32, **_NO_DROPOUT
    )
    base.name_or_path = base_id
    with torch.no_grad():
        base.classifier.weight.copy_(head.weight)
        base.classifier.bias.copy_(head.bias)
    shape = task.shape
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=shape.rank,
        lora_alpha=shape.alpha,
        target_modules=list(shape.targets),
        use_rslora=shape.use_rslora,
        use_dora=shape.use_dora,
        lora_dropout=0.05,
        base_model_name_or_path=base_id,
    )
    return get_peft_model(base, config)


def _shuffled_batches(examples: Sequence[Example], seed: int) -> Iterator[Sequence[Example]]:
    """Batches in random order, each of texts of similar length: little padding, half the time."""
    shuffled = list(examples)
    generator = random.Random(seed)
    generator.shuffle(shuffled)
    shuffled.sort(key=lambda example: len(example.text) // 8)
    starts = list(range(0, len(shuffled), TRAIN_BATCH_SIZE))
    generator.shuffle(starts)
    return (shuffled[start : start + TRAIN_BATCH_SIZE] for start in starts)


def _learning_rate_factor(step: int, steps: int) -> float:
    """Linear warm-up over the first tenth, then linear decay to zero."""
    warmup = max(1, int(steps * WARMUP_FRACTION))
    return min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))
