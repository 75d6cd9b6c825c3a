"""The modules of a measured spectrum: what each is called, which layer it is in, and its numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from frontend.figures.scales import finite

_LAYER = re.compile(r"(?:^|\.)(\d+)(?=\.|$)")


@dataclass(frozen=True)
class Module:
    """One module's update. ``kind`` is its path within a layer; ``layer`` is -1 for one that is in no layer."""

    path: str
    kind: str
    layer: int
    rank: str
    norm: float
    spectral_norm: float
    effective_rank: float
    values: tuple[float, ...]

    @property
    def largest_share(self) -> float:
        """Share of the squared norm that the first direction holds."""
        return min(self.spectral_norm**2 / self.norm**2, 1.0) if self.norm else 0.0

    @property
    def name(self) -> str:
        """``attention.query, layer 3``."""
        return f"{self.kind}, layer {self.layer}" if self.layer >= 0 else self.kind


@dataclass(frozen=True)
class Layer:
    """All modules of one layer together."""

    number: int
    modules: int
    norm: float
    effective_rank: float


def modules_of(facts: Mapping[str, Any]) -> list[Module]:
    """The modules of ``facts["spectrum"]`` in the order of the file; none where nothing was measured."""
    spectrum = facts.get("spectrum")
    rows = spectrum.get("modules") if isinstance(spectrum, dict) else None
    found = rows.items() if isinstance(rows, dict) else ()
    return [_module(path, row) for path, row in found if isinstance(row, dict)]


def layers_of(modules: list[Module]) -> list[Layer]:
    """One row for each numbered layer: the norm of all its updates, and their mean effective rank."""
    numbers = sorted({row.layer for row in modules if row.layer >= 0})
    return [_layer(number, [row for row in modules if row.layer == number]) for number in numbers]


def kinds_of(modules: list[Module]) -> list[str]:
    """What modules there are in a layer, in the order of the file."""
    return list(dict.fromkeys(row.kind for row in modules))


def _layer(number: int, rows: list[Module]) -> Layer:
    norm = math.sqrt(math.fsum(row.norm**2 for row in rows))
    return Layer(number, len(rows), norm, math.fsum(row.effective_rank for row in rows) / len(rows))


def _module(path: str, row: Mapping[str, Any]) -> Module:
    values = tuple(finite(value) for value in row.get("singular_values") or [])
    kind, layer = _place(path)
    return Module(
        path=path,
        kind=kind,
        layer=layer,
        rank=str(row.get("rank") or len(values) or "?"),
        norm=finite(row.get("norm")),
        spectral_norm=finite(row.get("spectral_norm")),
        effective_rank=finite(row.get("effective_rank")),
        values=values,
    )


def _place(path: str) -> tuple[str, int]:
    """``encoder.layer.3.attention.query`` is kind ``attention.query``, layer 3; without a number the layer is -1."""
    found = _LAYER.search(path)
    if found is None:
        return path, -1
    return path[found.end() :].lstrip(".") or path[: found.start()], int(found.group(1))
