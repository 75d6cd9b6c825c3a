"""What each harness asks of a set: which splits, which parts its columns play, which metrics it knows.

This is the list that the hub checks a set against before any compute; the workers' harnesses offer the same metrics.
"""

from dataclasses import dataclass, field

from catalog.evaluations.language_options import LANGUAGE_MODEL_METRICS
from catalog.evaluations.models import Harness


@dataclass(frozen=True)
class Asked:
    """What one harness needs.

    ``parts`` names, for each split, the parts that must be in every row. ``answered`` is the split whose rows are
    answered. ``optional_parts`` are known to the harness and may have a column too.
    """

    answered: str
    required: frozenset[str]
    parts: dict[str, tuple[str, ...]]
    metrics: frozenset[str]
    label_part: str = ""
    optional_parts: frozenset[str] = field(default_factory=frozenset)


_CLASSES = frozenset(
    {
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "micro_f1",
        "weighted_f1",
        "mcc",
        "log_loss",
        "brier",
        "calibration_error",
    }
)

ASKED: dict[str, Asked] = {
    Harness.SEQUENCE_CLASSIFICATION: Asked(
        answered="test",
        required=frozenset({"test"}),
        parts={"test": ("text", "label"), "train": ("text", "label"), "anchor": ("text", "label")},
        metrics=_CLASSES,
        label_part="label",
        optional_parts=frozenset({"text_pair"}),
    ),
    Harness.TOKEN_CLASSIFICATION: Asked(
        answered="test",
        required=frozenset({"test"}),
        parts={"test": ("tokens", "tags"), "train": ("tokens", "tags"), "anchor": ("tokens", "tags")},
        metrics=_CLASSES | {"precision", "recall", "f1"},
        label_part="tags",
    ),
    Harness.EMBEDDINGS: Asked(
        answered="queries",
        required=frozenset({"queries", "corpus"}),
        parts={"queries": ("query", "relevant"), "corpus": ("document", "document_id")},
        metrics=frozenset(
            {"recall_at_1", "recall_at_5", "recall_at_10", "recall_at_100", "mrr", "mrr_at_10", "ndcg_at_10", "map"}
        ),
        optional_parts=frozenset({"query_id"}),
    ),
    Harness.SIMILARITY: Asked(
        answered="test",
        required=frozenset({"test"}),
        parts={"test": ("text", "text_pair", "score")},
        metrics=frozenset({"spearman", "pearson"}),
    ),
    Harness.GENERATION: Asked(
        answered="test",
        required=frozenset({"test"}),
        parts={"test": ("reference",), "train": ("reference",)},
        metrics=frozenset({"bleu", "chrf", "exact_match"}),
        optional_parts=frozenset({"prompt", "system"}),
    ),
    Harness.LANGUAGE_MODEL: Asked(
        answered="test",
        required=frozenset({"test"}),
        parts={"test": (), "train": ()},
        metrics=frozenset(name for names in LANGUAGE_MODEL_METRICS.values() for name in names),
        optional_parts=frozenset({"text", "question", "choices", "answer", "context", "target"}),
    ),
}
NEEDS_HEAD = frozenset({Harness.SEQUENCE_CLASSIFICATION.value, Harness.TOKEN_CLASSIFICATION.value})
GENERATES = frozenset({Harness.GENERATION.value, Harness.LANGUAGE_MODEL.value})


def asked_by(harness: str) -> Asked:
    """What ``harness`` needs. Raises KeyError for one that this build does not know."""
    return ASKED[harness]
