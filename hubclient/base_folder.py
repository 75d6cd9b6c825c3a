"""What a base model's own folder says about it: `config.json` and, where there are weights, every tensor's shape."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UsageError
from .own_kernels import load_kernels


@dataclass(frozen=True)
class BaseFolder:
    """The two things the hub may be told of a base model; never its weights."""

    config: dict[str, Any] | None
    shapes: dict[str, Any] | None


def read_json(path: Path, field: str) -> dict[str, Any]:
    """A JSON object from a file. Raises UsageError that names the option at fault."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}.", field=field) from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no JSON object.", field=field)
    return content


def read_base_folder(folder: Path) -> BaseFolder:
    """Read a local model folder; only the headers of its safetensors files are looked at.

    Raises UsageError `base_not_found` when it has neither config nor safetensors, `extra_missing` without kernels.
    """
    config_file = folder / "config.json"
    config = read_json(config_file, "path") if config_file.is_file() else None
    weights = _weight_files(folder)
    if config is None and not weights:
        raise UsageError(f"{folder} has neither config.json nor safetensors.", code="base_not_found", field="path")
    shapes: dict[str, Any] = {}
    if weights:
        headers = load_kernels("formats.safetensors_header", extra="check")
        try:
            for file in weights:
                shapes |= {name: list(shape) for name, shape in headers.read_header(file).shapes.items()}
        except ValueError as error:
            code = getattr(error, "code", "header_malformed")
            raise UsageError(f"{folder}: {error}", code=code, field="path") from error
    return BaseFolder(config, shapes or None)


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if (single := folder / "model.safetensors").is_file():
        return [single]
    if index.is_file():
        names = {Path(str(name)).name for name in read_json(index, "path").get("weight_map", {}).values()}
        return [folder / name for name in sorted(names)]
    return sorted(folder.glob("*.safetensors"))
