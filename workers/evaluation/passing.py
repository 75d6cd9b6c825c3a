"""The rows of one split on their way through a model: tokens, batch size, and what was used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from workers.evaluation.adapters import AdapterFolder
from workers.evaluation.asked import Settings
from workers.evaluation.batching import Batching, Encoded, Forward, find_batch_size, run_in_batches
from workers.evaluation.texts import Texts


@dataclass(frozen=True)
class Pass:
    """Encoded rows, and how they are batched; ``used`` tells afterwards how it went."""

    rows: Sequence[Encoded]
    tokenizer: Any
    used: Batching
    device: torch.device
    longest: int
    whose: str
    firsts: Sequence[Sequence[int]] = ()
    """Where each word's first token is, in rows of words; -1 for one that was cut off."""

    def run(self, forward: Forward, report: Callable[[float], None] = lambda share: None) -> list[torch.Tensor]:
        """What ``forward`` gives for every row, float32, in the order of the rows."""
        return run_in_batches(self.rows, self.tokenizer, forward, used=self.used, device=self.device, report=report)

    def head(self, rows: int) -> "Pass":
        """The first ``rows`` of them, in batches of the same size."""
        used = Batching(batch_size=self.used.batch_size, found=self.used.found)
        return replace(self, rows=self.rows[:rows], firsts=self.firsts[:rows], used=used)

    def as_used(self) -> dict[str, Any]:
        """What the evaluation's row keeps."""
        return self.used.as_used() | {"max_tokens": self.longest, "tokenizer": self.whose, "rows": len(self.rows)}


def make_pass(
    texts: Texts,
    name: str,
    columns: Sequence[Sequence[Any]],
    *,
    settings: Settings,
    adapter: AdapterFolder | None,
    model: Any,
    are_words: bool = False,
) -> Pass:
    """Texts, or pairs of texts, on their way through ``model`` with ``adapter``; the same ``name``, the same texts."""
    tokenizer, whose = texts.tokenizer(adapter.tokenizer_folder if adapter else None)
    virtual = adapter.virtual_tokens if adapter else 0
    longest = texts.longest(tokenizer, model.config, settings.max_tokens, virtual)
    encoded = texts.encode(name, columns, tokenizer, longest, are_words=are_words)
    if settings.batch_size:
        used = Batching(batch_size=settings.batch_size, found=False)
    else:
        most = max(len(row["input_ids"]) for row in encoded.rows) + virtual
        used = Batching(batch_size=find_batch_size(most, model.config, model.device), found=True)
    return Pass(encoded.rows, tokenizer, used, model.device, longest, whose, encoded.firsts)
