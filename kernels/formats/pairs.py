"""An adapter's low-rank pairs with the file that holds them: what numerics and fingerprints begin with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .adapter_config import load_config
from .canonical import Grouped
from .dialects import detect, group
from .errors import FormatError
from .folder import CONFIG_NAME, choose_weights
from .safetensors_header import Header, read_header
from .tensor_data import read_tensor


def read_pairs(path: str | Path | Mapping[str, Path]) -> tuple[Path, Header, Grouped]:
    """The weights file of a folder (or of a mapping of its names, or the file itself), its header and its pairs.

    FormatError for anything in it that no rule explains, and for a file without a pair.
    """
    config: dict[str, Any] = {}
    files = _folder(path)
    if files is None:
        assert not isinstance(path, Mapping)
        weights = Path(path)
    else:
        config = load_config(files[CONFIG_NAME]) if CONFIG_NAME in files else {}
        name, problems = choose_weights(files)
        if name is None:
            raise FormatError(problems[0].code, problems[0].message, hint=problems[0].hint)
        weights = files[name]
    header = read_header(weights)
    dialect = detect(config or None, header.shapes)
    if dialect == "peft" and not config:
        raise FormatError(
            "config_missing",
            f"{weights.name} holds PEFT tensors, whose scale stands in {CONFIG_NAME}: give the folder with both.",
        )
    grouped = group(
        dialect, config, header.shapes, lambda name: float(read_tensor(weights, header, name).reshape(-1)[0])
    )
    errors = [finding for finding in grouped.findings if finding.severity == "error"]
    if errors:
        raise FormatError(errors[0].code, f"{weights.name}: {errors[0].message}", hint=errors[0].hint)
    if not grouped.pairs:
        raise FormatError("no_pairs", f"{weights.name} holds no low-rank pair ({dialect}).", expected="A and B factors")
    return weights, header, grouped


def _folder(path: str | Path | Mapping[str, Path]) -> dict[str, Path] | None:
    """Name -> file of an adapter's folder; None for a single file."""
    if isinstance(path, Mapping):
        return dict(path)
    folder = Path(path)
    return {item.name: item for item in sorted(folder.iterdir()) if item.is_file()} if folder.is_dir() else None
