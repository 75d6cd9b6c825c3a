"""Labelled rows on their way into training: tokens, the number of each label, and batches in a fixed order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workers.evaluation.asked import AskedSet
from workers.evaluation.base import Base, longest_tokens
from workers.evaluation.batching import Encoded, pad
from workers.evaluation.errors import Refused
from workers.evaluation.heads import Indices
from workers.evaluation.labels import label_indices, labels_of
from workers.evaluation.reading import read_table
from workers.evaluation.texts import Texts

_WIDTH_OF_A_BUCKET = 8


@dataclass(frozen=True)
class Rows:
    """Encoded texts with a tokenizer that pads them."""

    encoded: Sequence[Encoded]
    tokenizer: Any
    longest: int

    def __len__(self) -> int:
        return len(self.encoded)

    def batch(self, places: Sequence[int], device: torch.device) -> dict[str, torch.Tensor]:
        """The rows of these places as tensors."""
        return pad([self.encoded[place] for place in places], self.tokenizer, device)

    def orders(self, batch_size: int, seed: int) -> Iterator[list[int]]:
        """The places of one epoch's batches in an order drawn by ``seed``: rows of like length stand together."""
        places = list(range(len(self.encoded)))
        drawn = random.Random(seed)
        drawn.shuffle(places)
        places.sort(key=lambda place: len(self.encoded[place]["input_ids"]) // _WIDTH_OF_A_BUCKET)
        starts = list(range(0, len(places), batch_size))
        drawn.shuffle(starts)
        return (places[start : start + batch_size] for start in starts)


@dataclass(frozen=True)
class LabelledRows:
    """Rows and the number of each one's label; ``labels`` are their names in that order."""

    rows: Rows
    truth: Indices
    labels: tuple[str, ...]


def read_labelled(
    asked: AskedSet, split: str, base: Base, *, limit: int | None, seed: int, max_tokens: int | None
) -> LabelledRows:
    """The labelled texts of one split, at most ``limit`` of them. Raises Refused as reading and labels do."""
    if asked.harness != "sequence_classification":
        raise Refused("harness_mismatch", f"training needs texts with one label each; this set is for {asked.harness}")
    if split not in asked.files:
        raise Refused("split_missing", f"the set has no split {split!r}; it has {', '.join(sorted(asked.files))}")
    parts = ("text", "text_pair") if "text_pair" in asked.columns else ("text",)
    table = read_table(asked.files[split], split, asked.columns, (*parts, "label")).sample(limit, seed)
    labels = labels_of(asked.labels, [table.column("label")])
    truth = label_indices(table.column("label"), labels, split)
    return LabelledRows(encode(base, [table.column(part) for part in parts], max_tokens), truth, labels)


def encode(base: Base, columns: Sequence[Sequence[Any]], max_tokens: int | None) -> Rows:
    """Texts, or pairs of them, as the base's tokenizer reads them. Raises Refused ``no_tokenizer``."""
    from transformers import AutoConfig

    tokenizer = base.tokenizer
    config = AutoConfig.from_pretrained(str(base.folder), local_files_only=True, trust_remote_code=False)
    longest = longest_tokens(tokenizer, config, max_tokens)
    return Rows(Texts(base).encode("rows", columns, tokenizer, longest).rows, tokenizer, longest)
