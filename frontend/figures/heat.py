"""A quantity of every module as a heat map: kinds of module down, layers across."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from frontend.figures.modules import Module, kinds_of
from frontend.figures.scales import LETTER_WIDTH, Label, shortened

LEVELS = 8
_WIDE, _NARROW, _HEIGHT, _HEAD = 32, 18, 24, 22
_MOST_WIDE, _MOST_LETTERS, _EVERY_NARROW = 24, 26, 4


@dataclass(frozen=True)
class Quantity:
    """What a heat map may show: its title, how it is read from a module, how it is written, what it says."""

    title: str | Promise
    read: Callable[[Module], float]
    form: str
    says: str | Promise


QUANTITIES = {
    "effective-rank": Quantity(
        _("Effective rank"),
        lambda module: module.effective_rank,
        "{:.1f}",
        _("how many directions the update really uses"),
    ),
    "norm": Quantity(_("Norm"), lambda module: module.norm, "{:.3g}", _("how large the update is")),
    "first-direction": Quantity(
        _("First direction"),
        lambda module: module.largest_share,
        "{:.0%}",
        _("the share of the squared norm that the first direction holds"),
    ),
}


@dataclass(frozen=True)
class Cell:
    """One module: where it is drawn, how strongly (0 to 7), what it says; ``text`` is empty where cells are narrow."""

    x: int
    y: int
    level: int
    text: str
    title: str


@dataclass(frozen=True)
class HeatMap:
    """Cells, the names at their left, the layers above."""

    quantity: Quantity
    cells: list[Cell]
    kinds: list[Label]
    layers: list[Label]
    highest: str
    width: int
    height: int
    cell_width: int
    cell_height: int = _HEIGHT - 2

    @property
    def middle(self) -> int:
        """From the left of a cell to its middle."""
        return self.cell_width // 2


def heat_map(modules: list[Module], name: str = "effective-rank") -> HeatMap | None:
    """One quantity of all modules; None where there are none. Raises KeyError for a quantity that is none."""
    quantity = QUANTITIES[name]
    if not modules:
        return None
    kinds, layers = kinds_of(modules), sorted({row.layer for row in modules})
    is_wide = len(layers) <= _MOST_WIDE
    step = _WIDE if is_wide else _NARROW
    left = max(len(shortened(kind, _MOST_LETTERS)) for kind in kinds) * LETTER_WIDTH + 12
    values = [quantity.read(row) for row in modules]
    highest, lowest = max(values), min([max(values) / 2, *values])
    down = {kind: _HEAD + at * _HEIGHT for at, kind in enumerate(kinds)}
    across = {layer: left + at * step for at, layer in enumerate(layers)}
    cells = [
        Cell(
            x=across[row.layer],
            y=down[row.kind],
            level=_level(value, lowest, highest),
            text=quantity.form.format(value) if is_wide else "",
            title=f"{row.name}: {quantity.form.format(value)}"
            + (f" of {row.rank}" if name == "effective-rank" else ""),
        )
        for row, value in zip(modules, values, strict=True)
    ]
    return HeatMap(
        quantity=quantity,
        cells=cells,
        kinds=[Label(left - 8, y + 15, shortened(kind, _MOST_LETTERS)) for kind, y in down.items()],
        layers=[
            Label(x + (step - 2) // 2, 14, str(layer))
            for at, (layer, x) in enumerate(across.items())
            if layer >= 0 and (is_wide or at % _EVERY_NARROW == 0)
        ],
        highest=quantity.form.format(highest),
        width=left + len(layers) * step,
        height=_HEAD + len(kinds) * _HEIGHT,
        cell_width=step - 2,
    )


def _level(value: float, lowest: float, highest: float) -> int:
    return min(int(LEVELS * (value - lowest) / (highest - lowest)), LEVELS - 1) if highest > lowest else 0
