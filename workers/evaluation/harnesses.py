"""Every harness by name, and what a harness is."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from workers.evaluation.asked import Asked, Subject
from workers.evaluation.base import Base
from workers.evaluation.errors import Refused

HARNESSES = {
    "sequence_classification": "workers.evaluation.classification:SequenceClassification",
    "token_classification": "workers.evaluation.tokens:TokenClassification",
    "embeddings": "workers.evaluation.embeddings:Retrieval",
    "similarity": "workers.evaluation.embeddings:Similarity",
    "language_model": "workers.evaluation.language_model:LanguageModel",
    "generation": "workers.evaluation.generation:Generation",
}


@dataclass(frozen=True)
class Bench:
    """What a harness works with: what was asked, and the base model on its device."""

    asked: Asked
    base: Base
    report: Callable[[float], None]
    """Called with the share of the running subject that is done."""


@dataclass
class Measured:
    """One subject's result. ``predictions`` are columns in the order of the set's rows, floats with six decimals."""

    metrics: dict[str, dict[str, Any]]
    predictions: dict[str, list[Any]]
    used: dict[str, Any] = field(default_factory=dict)
    efficiency: dict[str, Any] = field(default_factory=dict)


class Harness(Protocol):
    """Made once for a job, which reads the set's rows; then it measures one subject after the other."""

    packages: tuple[str, ...]
    """Packages whose versions decide the score, beside those that every harness uses."""

    def __init__(self, bench: Bench) -> None:
        """Read and check the rows, before any weights are loaded. Raises Refused, which ends every subject."""

    def measure(self, subject: Subject) -> Measured:
        """Measure one subject, and leave the base model as it was. Raises Refused or CannotStitch for it alone."""


def harness_of(name: str) -> Callable[[Bench], Harness]:
    """The harness called ``name``. Raises Refused ``harness_mismatch``."""
    if name not in HARNESSES:
        raise Refused("harness_mismatch", f"this worker has no harness {name!r}", f"It has {', '.join(HARNESSES)}.")
    module, _, attribute = HARNESSES[name].partition(":")
    found: Callable[[Bench], Harness] = getattr(importlib.import_module(module), attribute)
    return found


def rounded(values: Any) -> list[float]:
    """Numbers of predictions as they are kept: six decimals, so that the bytes are the same everywhere they can be."""
    return [round(float(value), 6) for value in values]
