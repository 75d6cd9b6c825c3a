"""Scores as bars: the score, its interval, and the base model's own as a mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from catalog.evaluations.models import Evaluation

_WIDTH, _HEIGHT = 160, 20


@dataclass(frozen=True)
class ScoreBar:
    """One score: length of its bar, ends of its interval, place of the base model's own score (None without)."""

    length: float
    low: float | None
    high: float | None
    base: float | None
    title: str
    width: int = _WIDTH
    height: int = _HEIGHT


def score_bars(pairs: Sequence[tuple[Evaluation, Evaluation | None]]) -> list[ScoreBar]:
    """One bar for each score and base score, all on one scale: 0 to 1 where they fit, else 0 to the largest."""
    values = [value for pair in pairs for row in pair if row for value in (row.score, row.score_high)]
    known = [value for value in values if value is not None]
    longest = max([1.0, *known])

    def place(value: float | None) -> float | None:
        return None if value is None else round(_WIDTH * min(max(value / longest, 0.0), 1.0), 1)

    return [
        ScoreBar(
            length=place(row.score) or 0.0,
            low=place(row.score_low),
            high=place(row.score_high),
            base=place(base.score if base else None),
            title=_said(row, base),
        )
        for row, base in pairs
    ]


def _said(row: Evaluation, base: Evaluation | None) -> str:
    """``0.850, 95 % interval 0.750 to 0.950; base model alone 0.500``."""
    said = [f"{row.score:.3f}" if row.score is not None else gettext("not measured")]
    if row.score_low is not None and row.score_high is not None:
        ends = {"low": f"{row.score_low:.3f}", "high": f"{row.score_high:.3f}"}
        said.append(gettext("95 %% interval %(low)s to %(high)s") % ends)
    if base is None or base.score is None:
        return ", ".join(said)
    return ", ".join(said) + "; " + gettext("base model alone %(score)s") % {"score": f"{base.score:.3f}"}
