"""How a classifier is measured: always the same batches and threads, so that two processes can be compared."""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

from demo.corpus import Example

MAX_TOKENS = 32
BATCH_SIZE = 32
# One thread: two trainings side by side are faster on two cores than two threads on one training.
THREADS = 1


@dataclass(frozen=True)
class LabelledTexts:
    """The held-out set as it is handed to another process."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    @classmethod
    def from_examples(cls, examples: Sequence[Example]) -> "LabelledTexts":
        """Shortest texts first, so that batches hold little padding."""
        ordered = sorted(examples, key=lambda example: (len(example.text), example.text))
        return cls(tuple(example.text for example in ordered), tuple(example.label for example in ordered))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=0), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "LabelledTexts":
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(texts=tuple(fields["texts"]), labels=tuple(fields["labels"]))


@dataclass(frozen=True)
class Measurement:
    """Accuracy on the held-out set and the SHA-256 of the logits' float32 bytes, which differs if any bit does."""

    accuracy: float
    logits_sha256: str


def make_deterministic(seed: int) -> None:
    """Fix the seed, the number of threads and the choice of algorithms for this process; hush notes on new heads."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def load_tokenizer(base_path: str | Path) -> Any:
    """The base model's tokenizer, from its folder."""
    return AutoTokenizer.from_pretrained(base_path)


def measure(model: torch.nn.Module, tokenizer: Any, held_out: LabelledTexts) -> Measurement:
    """Classify the held-out texts in their given order and compare with the labels."""
    logits = compute_logits(model, tokenizer, held_out.texts)
    is_right = logits.argmax(dim=1) == torch.tensor(held_out.labels)
    return Measurement(accuracy=is_right.double().mean().item(), logits_sha256=digest_of(logits))


def compute_logits(model: torch.nn.Module, tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Logits `(texts, classes)` in evaluation mode, batch by batch in the given order."""
    model.eval()
    starts = range(0, len(texts), BATCH_SIZE)
    with torch.no_grad():
        batches = [model(**encode(tokenizer, texts[start : start + BATCH_SIZE])).logits for start in starts]
    return torch.cat(batches)


def encode(tokenizer: Any, texts: Sequence[str]) -> dict[str, Tensor]:
    """Token ids and masks `(texts, tokens)`, cut at MAX_TOKENS and padded to the longest of the batch."""
    batch = tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    return dict(batch)


def digest_of(logits: Tensor) -> str:
    """SHA-256 over the logits' float32 bytes, row by row."""
    return hashlib.sha256(logits.to(torch.float32).contiguous().numpy().tobytes()).hexdigest()
