"""The spectrum of a revision as pictures: a heat map of its modules, norm and effective rank of its layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from frontend.figures.columns import Columns, Point, columns
from frontend.figures.heat import HeatMap, heat_map
from frontend.figures.modules import Layer, layers_of, modules_of

# More cells than this weigh too much for a page that shows other things as well.
MOST_CELLS = 120


@dataclass(frozen=True)
class Spectrum:
    """``heat`` is None where there are too many modules for it; ``norms`` and ``ranks`` where there is one layer."""

    modules: int
    heat: HeatMap | None
    layers: list[Layer]
    norms: Columns | None
    ranks: Columns | None


def spectrum_of(
    facts: Mapping[str, Any], *, quantity: str = "effective-rank", most_cells: int | None = MOST_CELLS
) -> Spectrum | None:
    """The pictures of ``facts["spectrum"]``; None where nothing was measured."""
    modules = modules_of(facts)
    if not modules:
        return None
    layers = layers_of(modules)
    norms = [Point(str(row.number), row.norm, _said(row)) for row in layers]
    ranks = [Point(str(row.number), row.effective_rank, _said(row)) for row in layers]
    has_layers = len(layers) > 1
    return Spectrum(
        modules=len(modules),
        heat=heat_map(modules, quantity) if most_cells is None or len(modules) <= most_cells else None,
        layers=layers,
        norms=columns(gettext("Norm of each layer's updates"), norms) if has_layers else None,
        ranks=columns(gettext("Mean effective rank of each layer"), ranks) if has_layers else None,
    )


def _said(row: Layer) -> str:
    said = {"layer": row.number, "norm": f"{row.norm:.3g}", "rank": f"{row.effective_rank:.1f}", "modules": row.modules}
    return gettext("layer %(layer)s, %(modules)s modules: norm %(norm)s, effective rank %(rank)s") % said
