"""Singular values: a heat map with a row for each module, and a small row of bars for the table."""

from __future__ import annotations

from dataclasses import dataclass

from frontend.figures.heat import LEVELS
from frontend.figures.modules import Module
from frontend.figures.scales import LETTER_WIDTH, Label, shortened

_MOST_VALUES = 32
_CELL, _ROW, _HEAD, _RIGHT = 14, 16, 22, 8
_MOST_LETTERS, _NAMED_VALUES = 34, 6
_BAR, _BARS_HEIGHT = 5, 24


@dataclass(frozen=True)
class Shade:
    """Every cell of one level, as one path: a thousand rectangles would weigh more than the page."""

    level: int
    path: str


@dataclass(frozen=True)
class Band:
    """One module's row, for the pointer: where it is, and its first values."""

    y: int
    title: str


@dataclass(frozen=True)
class Spectra:
    """Modules down, directions across, from the strongest; the colour is the value's share of the module's largest."""

    shades: list[Shade]
    bands: list[Band]
    names: list[Label]
    directions: list[Label]
    width: int
    height: int
    left: int
    right: int
    row_height: int = _ROW


@dataclass(frozen=True)
class ModuleRow:
    """A module of the table, with its singular values as one path of bars."""

    module: Module
    path: str
    width: int
    height: int = _BARS_HEIGHT


def spectra(modules: list[Module]) -> Spectra | None:
    """The singular values of all modules, each against its own largest; None where none has any."""
    rows = [row for row in modules if row.values and row.values[0] > 0]
    if not rows:
        return None
    left = max(len(shortened(row.name, _MOST_LETTERS)) for row in rows) * LETTER_WIDTH + 12
    columns = min(max(len(row.values) for row in rows), _MOST_VALUES)
    runs: dict[int, list[str]] = {}
    for at, row in enumerate(rows):
        y = _HEAD + at * _ROW
        for level, start, length in _runs(row):
            runs.setdefault(level, []).append(
                f"M{left + start * _CELL} {y}h{length * _CELL - 1}v{_ROW - 2}H{left + start * _CELL}z"
            )
    return Spectra(
        shades=[Shade(level, "".join(parts)) for level, parts in sorted(runs.items())],
        bands=[Band(_HEAD + at * _ROW, _said(row)) for at, row in enumerate(rows)],
        names=[
            Label(left - 8, _HEAD + at * _ROW + 11, shortened(row.name, _MOST_LETTERS)) for at, row in enumerate(rows)
        ],
        directions=[Label(left + at * _CELL + _CELL // 2, 14, str(at + 1)) for at in (0, *range(3, columns, 4))],
        width=left + columns * _CELL + _RIGHT,
        height=_HEAD + len(rows) * _ROW,
        left=left,
        right=left + columns * _CELL,
    )


def module_rows(modules: list[Module]) -> list[ModuleRow]:
    """The rows of the table."""
    return [
        ModuleRow(row, _bars(row.values[:_MOST_VALUES]), max(min(len(row.values), _MOST_VALUES) * _BAR, _BAR))
        for row in modules
    ]


def _bars(values: tuple[float, ...]) -> str:
    largest = max(values, default=0.0)
    if largest <= 0:
        return ""
    tops = [round(_BARS_HEIGHT * (1 - value / largest), 1) for value in values]
    return "".join(f"M{at * _BAR} {_BARS_HEIGHT}V{top:g}h4V{_BARS_HEIGHT}" for at, top in enumerate(tops))


def _runs(row: Module) -> list[tuple[int, int, int]]:
    """Level, first direction and number of directions, neighbours of one level joined."""
    levels = [min(int(LEVELS * value / row.values[0]), LEVELS - 1) for value in row.values[:_MOST_VALUES]]
    found: list[tuple[int, int, int]] = []
    for at, level in enumerate(levels):
        if found and found[-1][0] == level:
            found[-1] = (level, found[-1][1], found[-1][2] + 1)
        else:
            found.append((level, at, 1))
    return found


def _said(row: Module) -> str:
    first = ", ".join(f"{value:.3g}" for value in row.values[:_NAMED_VALUES])
    rest = len(row.values) - _NAMED_VALUES
    return f"{row.name}: {first}" + (f" and {rest} more" if rest > 0 else "")
