"""PEFT folders read for a merge: updates, the scales folded into them, and who brings full copies of modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..formats.adapter_config import load_config
from ..formats.canonical import Grouped
from ..formats.dialects import detect, group
from ..formats.folder import CONFIG_NAME
from ..formats.safetensors_header import read_header
from ..formats.tensor_data import read_tensor
from ..lowrank import LowRankUpdate
from ..lowrank_io import WEIGHTS_NAME, load_updates


@dataclass(frozen=True)
class LoadedMembers:
    """Adapters and scales as `merge` takes them; `saved` maps every module kept in full to the place that has it."""

    adapters: list[dict[str, LowRankUpdate]]
    scales: list[dict[str, float]]
    saved: dict[str, int]


def load_members(folders: Sequence[str | Path]) -> LoadedMembers:
    """Read PEFT LoRA folders for a merge.

    FormatError, a ValueError, for DoRA and everything else that pairs do not say (`load_updates`). ValueError when
    two adapters keep a full copy of one module (PEFT's modules_to_save): there is no rule to merge those.
    """
    adapters, scales = [], []
    saved: dict[str, int] = {}
    for place, folder in enumerate(map(Path, folders)):
        grouped = _grouped(folder)
        for module in sorted({*grouped.saved.values(), *grouped.heads}):
            if module in saved:
                raise ValueError(
                    f"one adapter at most may keep a full copy of a module; received {module!r} "
                    f"in adapters {saved[module]} and {place}"
                )
            saved[module] = place
        adapters.append(load_updates(folder))
        scales.append({pair.module: pair.scale for pair in grouped.pairs})
    return LoadedMembers(adapters, scales, saved)


def load_scales(path: str | Path | Mapping[str, Path]) -> dict[str, float]:
    """Module -> the LoRA scale that `load_updates` folded in, of a PEFT folder or a mapping of its names to files."""
    files = path if isinstance(path, Mapping) else {name: Path(path) / name for name in (CONFIG_NAME, WEIGHTS_NAME)}
    return {pair.module: pair.scale for pair in _read(files[CONFIG_NAME], files[WEIGHTS_NAME]).pairs}


def _grouped(folder: Path) -> Grouped:
    return _read(folder / CONFIG_NAME, folder / WEIGHTS_NAME)


def _read(config_file: Path, weights: Path) -> Grouped:
    config, header = load_config(config_file), read_header(weights)
    dialect = detect(config, header.shapes)
    return group(dialect, config, header.shapes, lambda name: float(read_tensor(weights, header, name).reshape(-1)[0]))
