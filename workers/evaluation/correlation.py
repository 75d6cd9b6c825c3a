"""How well numbers agree with people's: Spearman and Pearson, with intervals over resampled rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.intervals import Weights, intervals
from workers.evaluation.metrics import divided, metric

Numbers = NDArray[np.float64]
CORRELATIONS = ("spearman", "pearson")


def correlation_metrics(found: Numbers, wanted: Numbers, seed: int) -> dict[str, dict[str, Any]]:
    """Both correlations of ``found`` with ``wanted``; 0 where one of them is the same everywhere."""
    of_found, of_wanted = _Ranks(found), _Ranks(wanted)
    resampled = {
        "spearman": lambda weights: _pearson(of_found(weights), of_wanted(weights), weights),
        "pearson": lambda weights: _pearson(found[None], wanted[None], weights),
    }
    bounds = intervals(resampled, len(found), seed)
    once = np.ones((1, len(found)))
    return {name: metric(statistic(once)[0], bounds[name], name) for name, statistic in resampled.items()}


def agreement(found: Numbers, wanted: Numbers) -> Numbers:
    """For each row 1 where both ranks are the same, 0 where they are at opposite ends."""
    once = np.ones((1, len(found)))
    apart = np.abs(_Ranks(found)(once)[0] - _Ranks(wanted)(once)[0])
    return 1 - apart / max(len(found) - 1, 1)


class _Ranks:
    """Middle ranks of the same numbers, each occurring as often as its weight says."""

    def __init__(self, numbers: Numbers) -> None:
        values, self._place = np.unique(numbers, return_inverse=True)
        self._size = len(values)

    def __call__(self, weights: Weights) -> Numbers:
        counts = np.zeros((len(weights), self._size))
        for row, own in enumerate(weights):
            counts[row] = np.bincount(self._place, weights=own, minlength=self._size)
        middle = np.cumsum(counts, axis=1) - (counts - 1) / 2
        ranks: Numbers = middle[:, self._place]
        return ranks


def _pearson(one: Numbers, other: Numbers, weights: Weights) -> Numbers:
    total = weights.sum(axis=1, keepdims=True)
    one = one - (weights * one).sum(axis=1, keepdims=True) / total
    other = other - (weights * other).sum(axis=1, keepdims=True) / total
    below = np.sqrt((weights * one**2).sum(axis=1) * (weights * other**2).sum(axis=1))
    return divided((weights * one * other).sum(axis=1), below)
