"""95 % bootstrap intervals: rows are drawn again with replacement, a thousand times, by one seed for all subjects."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
BOUNDS = (2.5, 97.5)
_MOST_NUMBERS = 8_000_000
Weights = NDArray[np.float64]
Statistic = Callable[[Weights], NDArray[np.float64]]
"""How often each row was drawn `(resamples, rows)` -> the metric of each resample `(resamples,)`."""


def intervals(
    statistics: dict[str, Statistic], rows: int, seed: int, *, group_of: NDArray[np.int64] | None = None
) -> dict[str, tuple[float, float]]:
    """Low and high of every statistic; all see the same resamples, and so do all subjects of the same rows.

    With ``group_of``, the group of each row counted from 0, whole groups are drawn.
    """
    values: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    groups = rows if group_of is None else int(group_of.max()) + 1
    for drawn in _draws(groups, rows, seed):
        weights = drawn if group_of is None else drawn[:, group_of]
        for name, statistic in statistics.items():
            values[name].append(statistic(weights))
    bounds = {}
    for name, parts in values.items():
        low, high = np.percentile(np.concatenate(parts), BOUNDS)
        bounds[name] = (float(low), float(high))
    return bounds


def _draws(groups: int, rows: int, seed: int) -> Iterator[Weights]:
    """A thousand resamples, some at a time where all would fill the memory."""
    if rows * RESAMPLES <= _MOST_NUMBERS:
        yield _small_draws(groups, seed)
        return
    generator = np.random.default_rng(seed)
    at_once = max(1, _MOST_NUMBERS // rows)
    for start in range(0, RESAMPLES, at_once):
        yield _drawn(generator, groups, min(at_once, RESAMPLES - start))


@lru_cache(maxsize=2)
def _small_draws(rows: int, seed: int) -> Weights:
    return _drawn(np.random.default_rng(seed), rows, RESAMPLES)


def _drawn(generator: np.random.Generator, rows: int, resamples: int) -> Weights:
    drawn = generator.integers(0, rows, size=(resamples, rows))
    drawn += np.arange(resamples)[:, None] * rows
    counts = np.bincount(drawn.reshape(-1), minlength=resamples * rows)
    return counts.reshape(resamples, rows).astype(np.float64)
