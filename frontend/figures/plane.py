"""Size against score: a point for each adapter of a board, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog.evaluations.models import Evaluation
from frontend.figures.scales import LETTER_WIDTH, Label, as_bytes, linear
from frontend.templatetags.hub import revision_url

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 16, 36
_MOST_NAMES, _LINE = 12, 14


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
    url: str


@dataclass(frozen=True)
class Scatter:
    """Size (logarithmic, across) against score (up)."""

    points: list[Point]
    x_ticks: list[Label]
    y_ticks: list[Label]
    metric: str
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = _HEIGHT - _BOTTOM


def size_against_score(measured: Sequence[Evaluation]) -> Scatter | None:
    """A point for each adapter with bytes and a score; None for fewer than two."""
    rows = [row for row in measured if row.revision is not None and row.revision.size_bytes and row.score is not None]
    if len(rows) < 2:
        return None
    sizes = [math.log10(row.revision.size_bytes) for row in rows if row.revision is not None]
    lows = [_or(row.score_low, row.score) for row in rows]
    highs = [_or(row.score_high, row.score) for row in rows]
    across = linear(min(sizes), max(sizes), _LEFT + 12, _WIDTH - _RIGHT - 12, least=0.1)
    up = linear(min(lows), max(highs), _HEIGHT - _BOTTOM - 8, _TOP + 8, least=0.01)
    points = []
    for row, size, low, high in zip(rows, sizes, lows, highs, strict=True):
        points.append(
            _point(row, across(size), up(_or(row.score, 0.0)), up(low), up(high), is_named=len(rows) <= _MOST_NAMES)
        )
    points = _apart(points)
    ends = [min(sizes), max(sizes)] if max(sizes) - min(sizes) > 0.05 else [min(sizes)]
    return Scatter(
        points=points,
        x_ticks=[Label(round(across(end)), _HEIGHT - 20, as_bytes(10**end)) for end in ends],
        y_ticks=[Label(_LEFT - 8, round(up(value)) + 4, f"{value:.3g}") for value in (min(lows), max(highs))],
        metric=rows[0].set_revision.metric.replace("_", " "),
    )


def _point(row: Evaluation, x: float, y: float, low: float, high: float, *, is_named: bool) -> Point:
    assert row.revision is not None
    version = f"@{row.revision.version.name}" if hasattr(row.revision, "version") else ""
    name = f"{row.revision.adapter.name}{version}"
    is_left = x + len(name) * LETTER_WIDTH + 8 > _WIDTH - _RIGHT
    label = Label(round(x) + (-8 if is_left else 8), round(y) + 4, name) if is_named else None
    title = f"{row.revision.adapter.full_name}{version}: {row.score:.3g}, {as_bytes(row.revision.size_bytes)}"
    return Point(
        round(x, 1), round(y, 1), round(low, 1), round(high, 1), title, label, is_left, revision_url(row.revision)
    )


def _apart(points: list[Point]) -> list[Point]:
    """Names that would lie on each other move down, from the highest point on."""
    moved: dict[int, Point] = {}
    taken: list[tuple[float, float, float]] = []
    for at, point in sorted(enumerate(points), key=lambda pair: pair[1].y):
        if point.name is None:
            moved[at] = point
            continue
        length = len(point.name.text) * LETTER_WIDTH
        start = point.name.x - length if point.is_left else point.name.x
        y = point.name.y
        for left, right, above in sorted(taken, key=lambda row: row[2]):
            if left < start + length and start < right and abs(y - above) < _LINE:
                y = round(above + _LINE)
        taken.append((start, start + length, y))
        moved[at] = replace(point, name=replace(point.name, y=y))
    return [moved[at] for at in range(len(points))]


def _or(value: float | None, otherwise: float | None) -> float:
    return value if value is not None else (otherwise or 0.0)
