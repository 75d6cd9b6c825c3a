"""Scores as SVG geometry: a bar with its interval and the base model's mark, and size against score."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catalog.evaluations.models import Evaluation
from frontend.charts import Label

_WIDTH, _HEIGHT = 160, 20
_PLOT_WIDTH, _PLOT_HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 16, 36
_MOST_NAMES = 12
_LETTER_WIDTH = 7


@dataclass(frozen=True)
class ScoreBar:
    """One score: length of its bar, ends of its interval, place of the base model's own score (None without)."""

    length: float
    low: float | None
    high: float | None
    base: float | None
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True)
class Point:
    """One adapter: where it lies, what it says; its name beside it where there is room."""

    x: float
    y: float
    low: float
    high: float
    title: str
    name: Label | None
    is_left: bool


@dataclass(frozen=True)
class Scatter:
    """Size (logarithmic, across) against score (up)."""

    points: list[Point]
    x_ticks: list[Label]
    y_ticks: list[Label]
    metric: str
    width: int = _PLOT_WIDTH
    height: int = _PLOT_HEIGHT
    left: int = _LEFT
    right: int = _PLOT_WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = _PLOT_HEIGHT - _BOTTOM


def score_bars(pairs: Sequence[tuple[Evaluation, Evaluation | None]]) -> list[ScoreBar]:
    """One bar for each score and base score, all on one scale: 0 to 1 where they fit, else 0 to the largest."""
    values = [value for pair in pairs for row in pair if row for value in (row.score, row.score_high)]
    known = [value for value in values if value is not None]
    longest = max([1.0, *known])

    def place(value: float | None) -> float | None:
        return None if value is None else round(_WIDTH * min(max(value / longest, 0.0), 1.0), 1)

    return [
        ScoreBar(
            place(row.score) or 0.0, place(row.score_low), place(row.score_high), place(base.score if base else None)
        )
        for row, base in pairs
    ]


def size_against_score(measured: Sequence[Evaluation]) -> Scatter | None:
    """A point for each adapter with bytes and a score; None for fewer than two."""
    rows = [row for row in measured if row.revision is not None and row.revision.size_bytes and row.score is not None]
    if len(rows) < 2:
        return None
    sizes = [math.log10(row.revision.size_bytes) for row in rows if row.revision is not None]
    lows = [_or(row.score_low, row.score) for row in rows]
    highs = [_or(row.score_high, row.score) for row in rows]
    across = _scale(min(sizes), max(sizes), _LEFT + 12, _PLOT_WIDTH - _RIGHT - 12, least=0.1)
    up = _scale(min(lows), max(highs), _PLOT_HEIGHT - _BOTTOM - 8, _TOP + 8, least=0.01)
    points = []
    for row, size, low, high in zip(rows, sizes, lows, highs, strict=True):
        points.append(
            _point(row, across(size), up(_or(row.score, 0.0)), up(low), up(high), is_named=len(rows) <= _MOST_NAMES)
        )
    ends = [min(sizes), max(sizes)] if max(sizes) - min(sizes) > 0.05 else [min(sizes)]
    return Scatter(
        points=points,
        x_ticks=[Label(round(across(end)), _PLOT_HEIGHT - 20, _bytes(10**end)) for end in ends],
        y_ticks=[Label(_LEFT - 8, round(up(value)) + 4, f"{value:.3g}") for value in (min(lows), max(highs))],
        metric=rows[0].set_revision.metric.replace("_", " "),
    )


def _point(row: Evaluation, x: float, y: float, low: float, high: float, *, is_named: bool) -> Point:
    assert row.revision is not None
    version = f"@{row.revision.version.name}" if hasattr(row.revision, "version") else ""
    name = f"{row.revision.adapter.name}{version}"
    is_left = x + len(name) * _LETTER_WIDTH + 8 > _PLOT_WIDTH - _RIGHT
    label = Label(round(x) + (-8 if is_left else 8), round(y) + 4, name) if is_named else None
    title = f"{row.revision.adapter.full_name}{version}: {row.score:.3g}, {_bytes(row.revision.size_bytes)}"
    return Point(round(x, 1), round(y, 1), round(low, 1), round(high, 1), title, label, is_left)


def _scale(first: float, last: float, start: float, end: float, *, least: float) -> Callable[[float], float]:
    span = max(last - first, least)

    def place(value: float) -> float:
        return start + (end - start) * (value - first) / span

    return place


def _or(value: float | None, otherwise: float | None) -> float:
    return value if value is not None else (otherwise or 0.0)


def _bytes(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
