"""The packed form of a pruned or quantised adapter in a safetensors file: values and masks, or codes and scales."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ..formats.errors import FormatError
from ..lowrank import LowRankUpdate
from .pruning import SparseAdapter, sparse_from_tensors
from .quantisation import QuantisedAdapter, quantised_from_tensors

PACKED_NAME = "adapter_packed.safetensors"
_READERS = {"sparse": sparse_from_tensors, "quantised": quantised_from_tensors}


def write_packed(path: str | Path, adapter: SparseAdapter | QuantisedAdapter) -> int:
    """Write the packed form; returns the file's size in bytes."""
    kind = "sparse" if isinstance(adapter, SparseAdapter) else "quantised"
    tensors = {name: tensor.cpu().contiguous().clone() for name, tensor in adapter.tensors().items()}
    save_file(tensors, path, metadata={"format": "adapterhub.packed", "kind": kind})
    return Path(path).stat().st_size


def read_packed(path: str | Path) -> dict[str, LowRankUpdate]:
    """Module path -> update of a file that `write_packed` wrote. FormatError for any other."""
    with safe_open(path, framework="pt") as opened:
        said = opened.metadata() or {}
    reader = _READERS.get(said.get("kind", ""))
    if said.get("format") != "adapterhub.packed" or reader is None:
        raise FormatError("not_packed", f"{Path(path).name} is no packed adapter.", received=said.get("format"))
    try:
        return reader(load_file(path))
    except (KeyError, ValueError) as error:
        raise FormatError("not_packed", f"{Path(path).name} lacks a part: {error}") from error
