"""What changed between two lists of answers to the same rows, and whether it may be chance. Pure Python.

Flips are those of MUSCLE: a negative flip was right before and is wrong now, a positive flip the other way round, and
an inconsistent row was wrong before and is wrong now, with another answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

EXACT_BELOW = 25
EXACT, CHI_SQUARE = "exact binomial", "chi-square with continuity correction"
_SAME = 1e-9
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of the discordant rows; ``statistic`` is the smaller count where the test is exact."""

    statistic: float
    p_value: float
    method: str


@dataclass(frozen=True)
class Difference:
    """Mean of what rows gained from before to now, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Flips:
    """Numbers of rows (counted from 0) by what became of them.

    Where rows have a score between wrong and right (``is_graded``), a flip is a row whose score fell or rose, and
    nothing is counted as right or wrong.
    """

    rows: int
    is_graded: bool
    negative: tuple[int, ...]
    positive: tuple[int, ...]
    inconsistent: tuple[int, ...]
    both_right: int
    both_wrong: int
    difference: Difference

    @property
    def negative_rate(self) -> float:
        """Share of all rows that are negative flips."""
        return len(self.negative) / self.rows if self.rows else 0.0

    @property
    def mcnemar(self) -> McNemar:
        """Whether negative and positive flips differ by more than chance; for graded rows this is the sign test."""
        return mcnemar(len(self.negative), len(self.positive))


def find_flips(
    before: Sequence[float], now: Sequence[float], answers_before: Sequence[Any] = (), answers_now: Sequence[Any] = ()
) -> Flips:
    """The flips between two columns ``right`` (0, 1, or a score between them), one number a row.

    Without answers nothing is inconsistent.

    Raises:
        ValueError: the columns differ in length.
    """
    if len(before) != len(now):
        raise ValueError(f"{len(before)} rows before, {len(now)} rows now; only the same rows compare")
    is_graded = any(value not in (0, 1) for column in (before, now) for value in column)
    pairs = list(zip(before, now, strict=True))
    are_wrong = [] if is_graded else [at for at, (old, new) in enumerate(pairs) if old == new == 0]
    has_answers = len(answers_before) == len(answers_now) == len(pairs)
    return Flips(
        rows=len(pairs),
        is_graded=is_graded,
        negative=tuple(at for at, (old, new) in enumerate(pairs) if new < old - _SAME),
        positive=tuple(at for at, (old, new) in enumerate(pairs) if new > old + _SAME),
        inconsistent=tuple(at for at in are_wrong if has_answers and answers_before[at] != answers_now[at]),
        both_right=0 if is_graded else sum(old == new == 1 for old, new in pairs),
        both_wrong=len(are_wrong),
        difference=_difference([float(new) - float(old) for old, new in pairs]),
    )


def mcnemar(negative: int, positive: int) -> McNemar:
    """McNemar's test of two discordant counts: exact below 25 of them, else chi-square with Edwards' correction.

    Equal counts give 1 in both forms.
    """
    total, fewer = negative + positive, min(negative, positive)
    if total < EXACT_BELOW:
        tail = sum(math.comb(total, k) for k in range(fewer + 1)) / 2**total
        return McNemar(float(fewer), min(1.0, 2 * tail), EXACT)
    statistic = max(0, abs(negative - positive) - 1) ** 2 / total
    # The upper tail of chi-square with one degree of freedom.
    return McNemar(statistic, math.erfc(math.sqrt(statistic / 2)), CHI_SQUARE)


def _difference(gains: list[float]) -> Difference:
    if not gains:
        return Difference(0.0, 0.0, 0.0)
    mean = math.fsum(gains) / len(gains)
    variance = math.fsum((gain - mean) ** 2 for gain in gains) / len(gains)
    half = _Z95 * math.sqrt(variance / len(gains))
    return Difference(mean, mean - half, mean + half)
