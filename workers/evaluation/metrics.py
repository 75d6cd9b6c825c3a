"""What a classifier's answers are worth: values from scikit-learn, intervals from the same counts, resampled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from workers.evaluation.errors import Refused
from workers.evaluation.intervals import Statistic, Weights, intervals

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
CLASSIFICATION = (
    "accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "weighted_f1", "mcc", "log_loss", "brier",
    "calibration_error",
)  # fmt: skip
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error"})
BINS = 15
_SMALLEST = 1e-12
_AVERAGES = ("macro", "micro", "weighted")


def metric(value: float, bounds: tuple[float, float], name: str) -> dict[str, Any]:
    """One metric as the hub keeps it."""
    low, high = bounds
    return {"value": float(value), "low": low, "high": high, "higher_is_better": name not in LOWER_IS_BETTER}


def check_metric(name: str, known: tuple[str, ...]) -> None:
    """Raise Refused ``metric_unknown`` for a metric that the harness does not measure."""
    if name not in known:
        raise Refused("metric_unknown", f"this harness has no metric {name!r}", f"It has {', '.join(known)}.")


def classification_metrics(
    truth: Indices, probabilities: Numbers, seed: int, *, group_of: Indices | None = None
) -> dict[str, dict[str, Any]]:
    """Every metric of ``probabilities`` `(rows, labels)` against ``truth`` `(rows,)`, with its interval.

    With ``group_of`` `(rows,)` whole groups are drawn again: words of one sentence are no independent answers.
    """
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, recall_score

    rows, labels = probabilities.shape
    answers = probabilities.argmax(axis=1)
    right = (answers == truth).astype(np.float64)
    losses = -np.log(np.clip(probabilities[np.arange(rows), truth], _SMALLEST, None))
    squares = np.square(probabilities - np.eye(labels)[truth]).sum(axis=1)
    confidence = probabilities.max(axis=1)
    counts = _Counts(truth, answers, labels)
    every_row = np.ones((1, rows))
    all_labels = {"labels": np.arange(labels), "zero_division": 0}
    values = {
        "accuracy": accuracy_score(truth, answers),
        "balanced_accuracy": recall_score(truth, answers, average="macro", labels=np.unique(truth)),
        **{f"{average}_f1": f1_score(truth, answers, average=average, **all_labels) for average in _AVERAGES},
        "mcc": matthews_corrcoef(truth, answers),
        "calibration_error": _calibration_error(every_row, confidence, right)[0],
        "log_loss": losses.mean(),
        "brier": squares.mean(),
    }
    resampled: dict[str, Statistic] = {
        "accuracy": lambda weights: _mean(weights, right),
        "balanced_accuracy": counts.balanced_accuracy,
        "macro_f1": counts.macro_f1,
        "weighted_f1": counts.weighted_f1,
        "micro_f1": lambda weights: _mean(weights, right),
        "mcc": counts.mcc,
        "calibration_error": lambda weights: _calibration_error(weights, confidence, right),
        "log_loss": lambda weights: _mean(weights, losses),
        "brier": lambda weights: _mean(weights, squares),
    }
    bounds = intervals(resampled, rows, seed, group_of=group_of)
    return {name: metric(value, bounds[name], name) for name, value in values.items()}


class _Counts:
    """How often each label was true, answered, and both, in every resample."""

    def __init__(self, truth: Indices, answers: Indices, labels: int) -> None:
        self._truth, self._answers = _one_hot(truth, labels), _one_hot(answers, labels)
        self._hits = self._truth.multiply(self._answers).tocsr()

    def balanced_accuracy(self, weights: Weights) -> Numbers:
        """The mean recall of the labels that occur."""
        truth = weights @ self._truth
        recalls = divided(weights @ self._hits, truth)
        return recalls.sum(axis=1) / (truth > 0).sum(axis=1)

    def macro_f1(self, weights: Weights) -> Numbers:
        """The mean over all labels; a label that is neither true nor answered counts 0."""
        return self._f1(weights).mean(axis=1)

    def weighted_f1(self, weights: Weights) -> Numbers:
        """The mean over all labels, each as often as it is true."""
        return (self._f1(weights) * (weights @ self._truth)).sum(axis=1) / weights.sum(axis=1)

    def _f1(self, weights: Weights) -> Numbers:
        return divided(2 * (weights @ self._hits), weights @ self._truth + weights @ self._answers)

    def mcc(self, weights: Weights) -> Numbers:
        """Matthews' correlation for any number of labels; 0 where it is not defined."""
        truth, answers = weights @ self._truth, weights @ self._answers
        rows = weights.sum(axis=1)
        above = (weights @ self._hits).sum(axis=1) * rows - (truth * answers).sum(axis=1)
        below = np.sqrt((rows**2 - (truth**2).sum(axis=1)) * (rows**2 - (answers**2).sum(axis=1)))
        return divided(above, below)


def _mean(weights: Weights, values: Numbers) -> Numbers:
    mean: Numbers = weights @ values / weights.sum(axis=1)
    return mean


def divided(above: Numbers, below: Numbers) -> Numbers:
    """``above / below``; 0 where nothing is below."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _one_hot(indices: Indices, labels: int) -> csr_matrix:
    rows = len(indices)
    return csr_matrix((np.ones(rows), (np.arange(rows), indices)), shape=(rows, labels))


def _calibration_error(weights: Weights, confidence: Numbers, right: Numbers) -> Numbers:
    """Expected calibration error over fifteen bins of equal width, of every resample."""
    bins = _one_hot(np.minimum((confidence * BINS).astype(np.int64), BINS - 1), BINS)
    gaps = (weights * (confidence - right)) @ bins
    return np.abs(gaps).sum(axis=1) / weights.sum(axis=1)
