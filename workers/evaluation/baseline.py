"""What the base model reaches alone: a head on its frozen features, and a Gaussian one that needs no training."""

from typing import Any

from workers.evaluation.heads import Indices, Numbers, gaussian_head
from workers.evaluation.metrics import classification_metrics


def gaussian_metric(
    name: str, train: Numbers, train_truth: Indices, test: Numbers, truth: Indices, classes: int, seed: int
) -> dict[str, Any]:
    """The metric ``name`` of the closed-form Gaussian classifier: who does not beat it has learnt nothing new."""
    probabilities = gaussian_head(train, train_truth, classes).probabilities(test)
    return classification_metrics(truth, probabilities, seed)[name]
