"""Spectral statistics of updates, and how unusual they are among peers: evidence to look at, never a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, log
from statistics import median
from typing import Any

import torch

from .lowrank import Adapter, LowRankUpdate, computing_dtype

_BLOCK_ELEMENTS = 1 << 22  # of the rows of D formed at a time
_ON_LOG_SCALE = ("spectral_norm", "norm", "kurtosis")
MIN_PEERS = 3
_NORMAL_MAD = 1.4826  # standard deviations of a normal in one median absolute deviation
_NORMAL_MEAN = 1.2533  # the same for the mean absolute deviation


@dataclass(frozen=True)
class SpectralStatistics:
    """Five numbers of one update.

    top_share: share of the squared norm in the first singular value; entropy: of the shares of all squared singular
    values, divided by log r, in [0, 1]; kurtosis: of the entries of D, 3 for a normal. All 0 for a zero update.
    """

    spectral_norm: float
    norm: float
    top_share: float
    entropy: float
    kurtosis: float


@dataclass(frozen=True)
class Unusual:
    """One statistic of one module: its value, the peers' median, and the robust z-score."""

    module: str
    statistic: str
    value: float
    peers_median: float
    z: float


@dataclass(frozen=True)
class PeerComparison:
    """All statistics of an adapter against its peers', the most unusual first."""

    scores: tuple[Unusual, ...]

    def beyond(self, threshold: float = 3.5) -> list[Unusual]:
        """Those with |z| of at least `threshold`; 3.5 is the usual cut (Iglewicz and Hoaglin, 1993)."""
        return [one for one in self.scores if abs(one.z) >= threshold]

    def as_dict(self, *, threshold: float = 3.5, limit: int = 20) -> dict[str, Any]:
        """JSON-serialisable; says what it is and what it is not."""
        unusual = self.beyond(threshold)
        rows = [asdict(one) | {"z": max(-1e9, min(1e9, one.z))} for one in unusual[:limit]]
        return {
            "meaning": "unusual compared with peers; says nothing about safety",
            "compared": len(self.scores),
            "unusual": len(unusual),
            "largest": rows,
        }


def module_statistics(update: LowRankUpdate) -> SpectralStatistics:
    """Spectral norm, norm, top share, entropy and kurtosis of one update, without holding D.

    The five numbers of the weight-space detector of arXiv 2602.15195.
    """
    values = update.singular_values()
    total = float(values.square().sum())
    if total <= 0.0:
        return SpectralStatistics(0.0, 0.0, 0.0, 0.0, 0.0)
    shares = values.square() / total
    shares = shares[shares > 0]
    entropy = float(-(shares * shares.log()).sum()) / log(update.rank) if update.rank > 1 else 0.0
    return SpectralStatistics(
        spectral_norm=float(values[0]),
        norm=total**0.5,
        top_share=float(shares[0]),
        entropy=max(0.0, entropy),
        kurtosis=entry_kurtosis(update),
    )


def adapter_statistics(
    adapter: Adapter, *, progress: Callable[[float], None] | None = None
) -> dict[str, SpectralStatistics]:
    """The statistics of every module."""
    found = {}
    for done, (name, update) in enumerate(adapter.items(), start=1):
        found[name] = module_statistics(update)
        if progress:
            progress(done / len(adapter))
    return found


def entry_kurtosis(update: LowRankUpdate) -> float:
    """Fourth over squared second central moment of the entries of D (d_out, d_in), in blocks of rows; 3 for a normal.

    0 when all entries are equal. The mean is known from the factors: `(1^T B)(A 1) / (d_out d_in)`.
    """
    work = computing_dtype(update.dtype)
    A, B = update.A.to(work), update.B.to(work)
    count = update.d_out * update.d_in
    mean = float(B.double().sum(0) @ A.double().sum(1)) / max(1, count)
    rows = max(1, _BLOCK_ELEMENTS // max(1, update.d_in))
    largest = max((float((B[at : at + rows] @ A - mean).abs().max()) for at in range(0, update.d_out, rows)), default=0)
    if largest <= 1e-12 * abs(mean) or largest == 0.0:
        return 0.0
    second = fourth = 0.0
    for at in range(0, update.d_out, rows):
        squares = ((B[at : at + rows] @ A - mean) / largest).square()  # scaled: fourth powers of 1e-11 underflow
        second += float(squares.sum(dtype=torch.float64))
        fourth += float(squares.square().sum(dtype=torch.float64))
    return fourth * count / second**2


def compare_with_peers(
    statistics: Mapping[str, SpectralStatistics], peers: Sequence[Mapping[str, SpectralStatistics]]
) -> PeerComparison:
    """Robust z-score of every statistic of every module: distance from the peers' median in robust deviations.

    Norms and kurtosis are compared on a log scale. Modules that fewer than three peers have are left out. ValueError
    below three peers: with so few, everything or nothing is unusual.
    """
    if len(peers) < MIN_PEERS:
        raise ValueError(f"a comparison needs at least {MIN_PEERS} peers; received {len(peers)}")
    scores = []
    for module, own in statistics.items():
        others = [peer[module] for peer in peers if module in peer and peer[module].norm > 0]
        if len(others) < MIN_PEERS or own.norm <= 0:
            continue
        for name, value in asdict(own).items():
            values = [getattr(other, name) for other in others]
            z = robust_z(_scaled(name, value), [_scaled(name, other) for other in values])
            scores.append(Unusual(module, name, value, median(values), z))
    return PeerComparison(tuple(sorted(scores, key=lambda one: (-abs(one.z), one.module, one.statistic))))


def robust_z(value: float, peers: Sequence[float]) -> float:
    """`(value - median) / (1.4826 MAD)`; the mean absolute deviation where MAD is 0; infinite where all peers agree."""
    middle = median(peers)
    deviations = [abs(peer - middle) for peer in peers]
    deviation = _NORMAL_MAD * median(deviations) or _NORMAL_MEAN * sum(deviations) / len(deviations)
    # Peers that agree up to rounding agree.
    if deviation <= 1e-9 * max(1.0, abs(middle)):
        is_equal = abs(value - middle) <= 1e-6 * max(1.0, abs(middle))
        return 0.0 if is_equal else inf if value > middle else -inf
    return (value - middle) / deviation


def _scaled(name: str, value: float) -> float:
    return log(max(value, 1e-300)) if name in _ON_LOG_SCALE else value
