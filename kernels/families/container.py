"""The container of a family's files: safetensors with one JSON description, checked before anything is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from ..formats.errors import FormatError
from ..formats.safetensors_header import Header, read_header

FORMAT_VERSION = 1
_KEY = "adapterhub"  # one metadata key: safetensors writes several in an order of their own


def save(path: str | Path, tensors: dict[str, Tensor], kind: str, described: Mapping[str, Any]) -> None:
    """Write the tensors and what describes them; FileExistsError when the file is there."""
    if Path(path).exists():
        raise FileExistsError(f"{path} exists; a family's files never change, write another")
    document = {"format": kind, "version": FORMAT_VERSION, **described}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={_KEY: json.dumps(document, sort_keys=True, separators=(",", ":"))})


def load(path: str | Path, kind: str) -> tuple[Header, dict[str, Any], dict[str, Tensor]]:
    """The checked header, its description and the tensors of a file of that kind."""
    header = read_header(path)
    return header, _described(path, header, kind), load_file(path)


def load_description(path: str | Path, kind: str) -> dict[str, Any]:
    """What describes a file of that kind, without its tensors. FormatError as `load`."""
    return _described(path, read_header(path), kind)


def _described(path: str | Path, header: Header, kind: str) -> dict[str, Any]:
    try:
        described = json.loads(header.metadata.get(_KEY, "null"))
    except (ValueError, RecursionError) as error:
        raise malformed(path, error) from error
    if not isinstance(described, dict) or described.get("format") != kind:
        raise FormatError("other_format", f"{Path(path).name} is not {kind}.", expected=kind)
    if described.get("version") != FORMAT_VERSION:
        raise FormatError(
            "version_unknown",
            f"{Path(path).name} is {kind} of version {str(described.get('version'))[:20]}, not {FORMAT_VERSION}.",
            hint="Upgrade the program that reads it.",
            expected=FORMAT_VERSION,
        )
    return described


def malformed(path: str | Path, error: Exception) -> FormatError:
    """The error for a description that does not hold together."""
    return FormatError(
        "header_malformed", f"{Path(path).name} describes itself wrongly: {type(error).__name__}: {error}."
    )


def digest(path: str | Path) -> str:
    """The SHA-256 of a file, in hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
