"""The trade-off of a family as a picture: bytes across, what is missed up, a point for each rank."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frontend.figures.scales import Label, as_bytes

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 24, 20, 40


@dataclass(frozen=True)
class CurvePoint:
    """One rank: where it lies, and what its row of the table says."""

    x: float
    y: float
    worst_y: float
    rank: int
    size_bytes: int
    mean_error: float
    worst_error: float
    is_chosen: bool


@dataclass(frozen=True)
class Curve:
    """Bytes of the whole family (logarithmic, across) against the relative squared error (up, 0 to 1)."""

    points: list[CurvePoint]
    mean: str
    worst: str
    x_ticks: list[Label]
    y_ticks: list[Label]
    original: float | None
    modules: int
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = _HEIGHT - _BOTTOM


def curve_of(points: Sequence[Mapping[str, Any]], *, chosen: int | None, original_bytes: int) -> Curve | None:
    """The curve of a basis's points; None for fewer than two. ``original_bytes``: the adapters as they are."""
    rows = [point for point in points if point.get("bytes")]
    if len(rows) < 2:
        return None
    sizes = [float(row["bytes"]) for row in rows] + ([float(original_bytes)] if original_bytes else [])
    low, high = math.log10(min(sizes)), math.log10(max(sizes))
    span = max(high - low, 0.1)

    def across(size: float) -> float:
        return round(_LEFT + 8 + (_WIDTH - _LEFT - _RIGHT - 16) * (math.log10(size) - low) / span, 1)

    def up(error: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * min(max(error, 0.0), 1.0), 1)

    found = [
        CurvePoint(
            x=across(row["bytes"]),
            y=up(row["mean_error"]),
            worst_y=up(row["worst_error"]),
            rank=row["rank"],
            size_bytes=row["bytes"],
            mean_error=row["mean_error"],
            worst_error=row["worst_error"],
            is_chosen=row["rank"] == chosen,
        )
        for row in rows
    ]
    return Curve(
        points=found,
        mean=" ".join(f"{point.x},{point.y}" for point in found),
        worst=" ".join(f"{point.x},{point.worst_y}" for point in found),
        x_ticks=[Label(round(across(size)), _HEIGHT - 22, as_bytes(size)) for size in (10**low, 10**high)],
        y_ticks=[Label(_LEFT - 8, round(up(error)) + 4, f"{error:g}") for error in (0.0, 0.5, 1.0)],
        original=across(original_bytes) if original_bytes else None,
        modules=int(rows[0].get("modules") or 0),
    )
