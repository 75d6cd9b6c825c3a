"""Charts as SVG geometry: numbers in, positions out; templates draw them without styles of their own."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LAYER = re.compile(r"(?:^|\.)(\d+)(?=\.|$)")
_CELL_WIDTH, _CELL_HEIGHT, _HEAD = 32, 24, 22
_MOST_LETTERS, _LETTER_WIDTH = 26, 7
_BAR_WIDTH, _BARS_HEIGHT, _MOST_BARS = 5, 24, 32


@dataclass(frozen=True)
class Cell:
    """One module: where it is drawn, how strongly, and what it says."""

    x: int
    y: int
    opacity: float
    text: str
    title: str


@dataclass(frozen=True)
class Label:
    """A text at a place."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class Bar:
    """One singular value."""

    x: int
    y: float
    height: float


@dataclass(frozen=True)
class ModuleRow:
    """A module of the table beneath the chart."""

    path: str
    rank: str
    norm: float
    spectral_norm: float
    effective_rank: float
    bars: list[Bar]
    bars_width: int


@dataclass(frozen=True)
class SpectrumChart:
    """Effective rank by kind of module (down) and layer (across), and the table of all modules."""

    cells: list[Cell]
    kinds: list[Label]
    layers: list[Label]
    rows: list[ModuleRow]
    width: int
    height: int
    highest: float
    cell_width: int = _CELL_WIDTH - 2
    cell_height: int = _CELL_HEIGHT - 2
    bars_height: int = _BARS_HEIGHT


def spectrum_chart(facts: Mapping[str, Any]) -> SpectrumChart | None:
    """The chart of ``facts["spectrum"]``; None where nothing was measured."""
    spectrum = facts.get("spectrum")
    modules = spectrum.get("modules") if isinstance(spectrum, dict) else None
    if not isinstance(modules, dict) or not modules:
        return None
    rows = [_module_row(path, module) for path, module in modules.items() if isinstance(module, dict)]
    if not rows:
        return None
    places = {row.path: _place(row.path) for row in rows}
    kinds = list(dict.fromkeys(kind for kind, _ in places.values()))
    layers = sorted({layer for _, layer in places.values()})
    label_width = max(len(_short(kind)) for kind in kinds) * _LETTER_WIDTH + 12
    highest = max(row.effective_rank for row in rows)
    lowest = min([highest / 2, *(row.effective_rank for row in rows)])
    cells = []
    for row in rows:
        kind, layer = places[row.path]
        x, y = label_width + layers.index(layer) * _CELL_WIDTH, _HEAD + kinds.index(kind) * _CELL_HEIGHT
        title = f"{row.path}: effective rank {row.effective_rank:.1f} of {row.rank}, norm {row.norm:.3g}"
        share = (row.effective_rank - lowest) / (highest - lowest) if highest else 0.0
        cells.append(Cell(x, y, round(0.06 + 0.42 * share, 3), f"{row.effective_rank:.1f}", title))
    return SpectrumChart(
        cells=cells,
        kinds=[Label(label_width - 8, _HEAD + at * _CELL_HEIGHT + 15, _short(kind)) for at, kind in enumerate(kinds)],
        layers=[
            Label(label_width + at * _CELL_WIDTH + 15, 14, "" if layer < 0 else str(layer))
            for at, layer in enumerate(layers)
        ],
        rows=rows,
        width=label_width + len(layers) * _CELL_WIDTH,
        height=_HEAD + len(kinds) * _CELL_HEIGHT,
        highest=highest,
    )


def _module_row(path: str, module: Mapping[str, Any]) -> ModuleRow:
    values = [_number(value) for value in module.get("singular_values") or []][:_MOST_BARS]
    largest = max(values, default=0.0)
    bars = []
    for at, value in enumerate(values):
        height = round(_BARS_HEIGHT * value / largest, 2) if largest else 0.0
        bars.append(Bar(at * _BAR_WIDTH, round(_BARS_HEIGHT - height, 2), height))
    return ModuleRow(
        path=path,
        rank=str(module.get("rank") or len(values) or "?"),
        norm=_number(module.get("norm")),
        spectral_norm=_number(module.get("spectral_norm")),
        effective_rank=_number(module.get("effective_rank")),
        bars=bars,
        bars_width=max(len(values) * _BAR_WIDTH, _BAR_WIDTH),
    )


def _place(path: str) -> tuple[str, int]:
    """``encoder.layer.3.attention.query`` is kind ``attention.query``, layer 3; without a number the layer is -1."""
    found = _LAYER.search(path)
    if found is None:
        return path, -1
    return path[found.end() :].lstrip(".") or path[: found.start()], int(found.group(1))


def _short(kind: str) -> str:
    return kind if len(kind) <= _MOST_LETTERS else "…" + kind[1 - _MOST_LETTERS :]


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else 0.0
