"""Training-free Bayesianisation of a LoRA (TFB, arXiv 2412.05723): one variance, found by search, makes it calibrated.

The update of a module is `D = B A`, with B = U diag(S) V^T. Noise on the rows of V^T A with standard deviation
sigma / S becomes `D + U E`, where every entry of E has standard deviation sigma: noise of one size in weight space,
within the column space of B. It is the same for every factorisation of D, so sigma means something by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import torch
from torch import Tensor

from .lowrank import Adapter, LowRankUpdate, computing_dtype

_SMALLEST_SHARE = 1e-7  # of the largest singular value of B: directions below it carry nothing, and no noise
_BRACKET_FACTOR = 4.0
_MOST_BRACKETING = 12


@dataclass(frozen=True)
class Search:
    """What the search found: `sigma`, the drop there, and every (sigma, drop) that was tried, in order."""

    sigma: float
    drop: float
    tried: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Calibration:
    """How good and how honest probabilities are: shares of right answers, calibration error, mean loss.

    ece: expected calibration error; nll: mean negative log-likelihood of the right answers, in nats.
    """

    accuracy: float
    ece: float
    nll: float


def noise_directions(update: LowRankUpdate) -> Tensor:
    """`V diag(1 / S)` (r, k) of B = U diag(S) V^T: A + sigma (directions @ E) adds exactly sigma U E to the update.

    E is (k, d_in) of independent standard normals; k leaves out directions in which B is zero. The update's scale is
    part of B, as everywhere in this library: see :meth:`LowRankUpdate.from_lora`.
    """
    B = update.B.to(torch.float64)
    if not bool(torch.isfinite(B).all()):
        raise ValueError("factors must be finite; received NaN or infinity")
    _, values, Vh = torch.linalg.svd(B, full_matrices=False)
    kept = values > (_SMALLEST_SHARE * values[0] if values.numel() else 0.0)
    return (Vh[kept].T / values[kept]).to(computing_dtype(update.dtype))


class Noise:
    """The noise of an adapter: the same numbers for one seed and sample, on every device, whatever sigma is."""

    def __init__(self, adapter: Adapter, *, seed: int = 0) -> None:
        """Directions of every module; ValueError for an adapter without modules or with factors that are not finite."""
        if not adapter:
            raise ValueError("an adapter has at least one module; received none")
        self._directions = {name: noise_directions(adapter[name]) for name in sorted(adapter)}
        self._widths = {name: adapter[name].d_in for name in self._directions}
        self._seed = seed

    def sample(self, index: int) -> dict[str, Tensor]:
        """Module -> the change of A (r, d_in) for sigma 1, of the sample `index`; multiply by sigma and add."""
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + index)
        changes = {}
        for name, directions in self._directions.items():
            E = torch.randn(directions.shape[1], self._widths[name], generator=generator, dtype=torch.float32)
            changes[name] = directions @ E.to(directions)
        return changes


def typical_size(adapter: Adapter) -> float:
    """Root mean square over the entries of `U^T D` of all modules: noise of that sigma is as large as the update."""
    squares = entries = 0.0
    for update in adapter.values():
        squares += update.norm() ** 2
        entries += min(update.rank, update.d_out) * update.d_in
    return sqrt(squares / entries) if entries else 0.0


def largest_sigma(drop: Callable[[float], float], *, tolerance: float, start: float, steps: int = 6) -> Search:
    """The largest sigma found whose `drop(sigma)` stays within `tolerance`, by bisection on a log scale.

    `drop` says how much worse the model is on anchor rows with that much noise; deterministic, about rising. From
    `start` the bracket grows or shrinks by factors of 4 (at most 12 times), then `steps` bisections follow. sigma is 0
    when even the smallest try drops too much. ValueError for a tolerance below 0 or a start that is not positive.
    """
    if tolerance < 0:
        raise ValueError(f"tolerance must not be negative; received {tolerance!r}")
    if not 0 < start < float("inf"):
        raise ValueError(f"start must be positive and finite; received {start!r}")
    tried: list[tuple[float, float]] = []

    def fits(sigma: float) -> bool:
        tried.append((sigma, drop(sigma)))
        return tried[-1][1] <= tolerance

    low, high = _bracket(fits, start)
    if low is not None and high is not None:
        for _ in range(steps):
            middle = exp((log(low) + log(high)) / 2)
            low, high = (middle, high) if fits(middle) else (low, middle)
    if low is None:
        return Search(0.0, 0.0, tuple(tried))
    return Search(low, next(found for sigma, found in tried if sigma == low), tuple(tried))


def _bracket(fits: Callable[[float], bool], start: float) -> tuple[float | None, float | None]:
    """The last sigma that fits and the first that does not; None where there is none within reach."""
    low = high = None
    if fits(start):
        low = start
        for _ in range(_MOST_BRACKETING):
            if not fits(low * _BRACKET_FACTOR):
                high = low * _BRACKET_FACTOR
                break
            low *= _BRACKET_FACTOR
        return low, high
    high = start
    for _ in range(_MOST_BRACKETING):
        if fits(high / _BRACKET_FACTOR):
            low = high / _BRACKET_FACTOR
            break
        high /= _BRACKET_FACTOR
    return low, high


def mean_probabilities(samples: Sequence[Tensor]) -> Tensor:
    """The mean of sampled probabilities (rows, classes), float64: what a Bayesianised adapter predicts."""
    if not samples:
        raise ValueError("a mean needs at least one sample; received none")
    return torch.stack([sample.double() for sample in samples]).mean(0)


def calibration(probabilities: Tensor, right: Tensor, *, bins: int = 15) -> Calibration:
    """Accuracy, expected calibration error and mean negative log-likelihood of (rows, classes) against (rows,) indices.

    The error is `sum_b n_b / n |accuracy_b - confidence_b|` over `bins` equal widths of the confidence, which is the
    probability of the most probable class (Guo et al., arXiv 1706.04599, section 2). ValueError for no rows.
    """
    if probabilities.ndim != 2 or right.shape != probabilities.shape[:1] or not len(right):
        raise ValueError(
            f"one index a row, at least one row; received {list(probabilities.shape)}, {list(right.shape)}"
        )
    probabilities = probabilities.double()
    confidence, answer = probabilities.max(1)
    hits = (answer == right).double()
    places = (confidence * bins).long().clamp(max=bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, places.cpu(), (hits - confidence).cpu())
    likelihood = probabilities.gather(1, right.unsqueeze(1)).clamp_min(1e-300)
    return Calibration(float(hits.mean()), float(gaps.abs().sum() / len(right)), float(-likelihood.log().mean()))


def as_metrics(found: Calibration) -> Mapping[str, float]:
    """The three numbers by name."""
    return {"accuracy": found.accuracy, "ece": found.ece, "nll": found.nll}
