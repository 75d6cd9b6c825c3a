"""A cheap classifier beside the base model's: closed-form, on frozen features."""

from workers.evaluation.heads import Indices, Numbers, gaussian_head


def gaussian_probabilities(train: Numbers, truth: Indices, test: Numbers, classes: int) -> Numbers:
    """Probabilities `(rows, classes)` of ``test`` features by the Gaussian classifier of ``train`` features."""
    return gaussian_head(train, truth, classes).probabilities(test)
