"""Upright bars beside each other: a number for each layer, or for each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frontend.figures.scales import LETTER_WIDTH, Label

_WIDTH, _HEIGHT = 560, 144
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 12, 24
_WIDEST = 24


@dataclass(frozen=True)
class Point:
    """One number: what stands beneath it, how much it is, what it says."""

    label: str
    value: float
    title: str


@dataclass(frozen=True)
class Column:
    """One bar, and the whole height above it for the pointer."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Columns:
    """Bars from a common ground at 0."""

    name: str
    columns: list[Column]
    x_labels: list[Label]
    y_labels: list[Label]
    step: float
    right: int
    width: int
    height: int = _HEIGHT
    left: int = _LEFT
    top: int = _TOP
    bottom: int = _HEIGHT - _BOTTOM
    plot: int = _HEIGHT - _BOTTOM - _TOP


def columns(name: str, points: Sequence[Point], *, highest: float | None = None) -> Columns | None:
    """One bar for each point; None without any. ``highest`` is what the top of the picture stands for."""
    if not points:
        return None
    top = highest or max(point.value for point in points) or 1.0
    step = min((_WIDTH - _LEFT - _RIGHT) / len(points), _WIDEST)
    drawn = []
    for at, point in enumerate(points):
        height = round((_HEIGHT - _BOTTOM - _TOP) * min(max(point.value / top, 0.0), 1.0), 1)
        x = round(_LEFT + at * step, 1)
        drawn.append(Column(x, round(_HEIGHT - _BOTTOM - height, 1), round(step * 0.8, 1), height, point.title))
    return Columns(
        name=name,
        columns=drawn,
        x_labels=_beneath(points, step),
        y_labels=[Label(_LEFT - 8, _TOP + 4, f"{top:.3g}"), Label(_LEFT - 8, _HEIGHT - _BOTTOM, "0")],
        step=round(step, 2),
        right=round(_LEFT + step * len(points)),
        width=round(_LEFT + step * len(points)) + _RIGHT,
    )


def _beneath(points: Sequence[Point], step: float) -> list[Label]:
    """As many names as there is room for, at even distances from the first."""
    widest = max(len(point.label) for point in points) * LETTER_WIDTH + 8
    every = max(1, int(-(-widest // step)))
    return [
        Label(round(_LEFT + at * step + step * 0.4), _HEIGHT - 8, points[at].label)
        for at in range(0, len(points), every)
        if at == 0 or at * step + widest / 2 <= step * len(points) + _RIGHT
    ]
