"""What an adapter of a language model costs: a few of the set's rows with all their choices, through the model."""

from __future__ import annotations

from typing import Any

import torch

from workers.evaluation.batching import Batching, Encoded, Forward
from workers.evaluation.efficiency import FEW_ROWS, Stopwatch
from workers.evaluation.language_rows import Prepared
from workers.evaluation.passing import Pass


def stopwatch_of(
    prepared: Prepared,
    tokenizer: Any,
    used: Batching,
    *,
    longest: int,
    whose: str,
    device: torch.device,
    is_wanted: bool,
) -> Stopwatch:
    """A stopwatch for rows of ``prepared``: one row is its prompt with each of its choices."""
    rows = few_rows(prepared, tokenizer, longest) if is_wanted else []
    run = Pass([one for row in rows for one in row], tokenizer, used, device, longest, whose)
    return Stopwatch(run, is_wanted=is_wanted, rows=rows)


def few_rows(prepared: Prepared, tokenizer: Any, longest: int) -> list[list[Encoded]]:
    """Token ids of some rows from the shortest to the longest, the end of each kept."""
    return [
        [_encoded(tokenizer, text, longest) for text in prepared.sequences_of(row)] for row in prepared.spread(FEW_ROWS)
    ]


def reading(model: Any) -> Forward:
    """One pass of a batch through ``model``, the language head included."""
    return lambda batch: model(**batch).logits[:, -1]


def _encoded(tokenizer: Any, text: str, longest: int) -> Encoded:
    ids = tokenizer(text)["input_ids"][-longest:] or [tokenizer.eos_token_id or 0]
    return {"input_ids": ids, "attention_mask": [1] * len(ids)}
