"""An adapter on its own base model, asked about texts: its logits are all that a student sees of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workers.evaluation.adapters import AdapterFolder
from workers.evaluation.asked import Settings
from workers.evaluation.base import Base
from workers.evaluation.errors import Refused
from workers.evaluation.passing import make_pass
from workers.evaluation.subjects import laid_out, wearing
from workers.evaluation.texts import Texts

CLASS = "AutoModelForSequenceClassification"


@dataclass(frozen=True)
class Answers:
    """Logits (texts, labels) in float32, the names of the labels where the adapter says them, and the base's digest."""

    logits: torch.Tensor
    labels: tuple[str, ...] | None
    weights_digest: str


def ask_teacher(
    base: Base,
    files: Mapping[str, Path],
    columns: Sequence[Sequence[Any]],
    *,
    max_tokens: int | None,
    scratch: Path,
    report: Callable[[float], None],
) -> Answers:
    """What the adapter answers to every text. Raises Refused ``no_head`` and as reading does, CannotStitch."""
    with laid_out(files, scratch) as folder:
        adapter = AdapterFolder.read(folder)
        if adapter.head_rows is None:
            raise Refused("no_head", "the adapter has no classification head, so that it has no answers to learn")
        model = base.load(CLASS, adapter.head_rows).model
        with wearing(model, folder) as worn:
            settings = Settings(max_tokens=max_tokens)
            run = make_pass(Texts(base), "texts", columns, settings=settings, adapter=adapter, model=worn)
            logits = torch.stack(run.run(lambda batch: worn(**batch).logits, report))
        names = adapter.label_names()
    known = names if names is not None and len(names) == logits.shape[1] else None
    return Answers(logits, known, base.weights_digest)
