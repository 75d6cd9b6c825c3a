"""A linear head trained on the set's split `train`, where an adapter brings none and somebody asked for it."""

from typing import Any

from workers.evaluation.errors import Refused
from workers.evaluation.heads import Indices, Numbers, train_head


def check_probe(is_asked: bool, has_train: bool) -> None:
    """Raise Refused ``no_head``: nobody asked for a probe, or there are no rows to train it on."""
    if not is_asked:
        raise Refused(
            "no_head",
            "the adapter has no head for this set, and neither has its base model",
            "Ask for a probe (`with_probe`): a linear head trained on the set's split `train`.",
        )
    if not has_train:
        raise Refused("no_head", "a probe is trained on the split `train`, which this set has not")


def probed(train: Numbers, truth: Indices, test: Numbers, classes: int, seed: int) -> tuple[Numbers, dict[str, Any]]:
    """Probabilities `(rows, classes)` of ``test`` features by a head trained on ``train``, and what was used."""
    head, strength = train_head(train, truth, classes, seed)
    return head.probabilities(test), {"train_rows": len(truth), "strength": strength}
