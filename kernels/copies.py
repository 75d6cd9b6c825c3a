"""What an adapter keeps in full beside its low-rank pairs: heads, embeddings, biases. Never averaged, only carried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from .formats.adapter_config import load_config
from .formats.dialects import detect, group
from .formats.folder import CONFIG_NAME, choose_weights
from .formats.safetensors_header import read_header

# Without these keys of the config nobody finds the tensors in the file, or the names of a head's rows.
_OPTIONS = ("task_type", "modules_to_save", "bias", "id2label", "label2id")


@dataclass(frozen=True)
class Copies:
    """Tensors by their names in the file, the module of each, and the keys of the config that tell of them."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())

    def is_same(self, other: Copies) -> bool:
        """Whether both hold the same tensors, bit for bit."""
        return self.tensors.keys() == other.tensors.keys() and all(
            tensor.dtype == other.tensors[name].dtype and bool(tensor.equal(other.tensors[name]))
            for name, tensor in self.tensors.items()
        )


def load_copies(path: str | Path | Mapping[str, Path]) -> Copies:
    """The full copies of a PEFT folder (or of a mapping of its names to files); empty where it has none.

    FormatError, a ValueError, for a weights file that cannot be read. Folders of other dialects have none to carry.
    """
    files = dict(path) if isinstance(path, Mapping) else {item.name: item for item in Path(path).iterdir()}
    name, _ = choose_weights(files)
    if name is None or CONFIG_NAME not in files:
        return Copies()
    config, header = load_config(files[CONFIG_NAME]), read_header(files[name])
    dialect = detect(config, header.shapes)
    grouped = group(dialect, config, header.shapes, lambda _: 1.0)
    if dialect != "peft" or not grouped.saved:
        return Copies()
    with safe_open(files[name], framework="pt") as opened:
        tensors = {saved: opened.get_tensor(saved) for saved in sorted(grouped.saved)}
    options = {key: config[key] for key in _OPTIONS if config.get(key) is not None}
    return Copies(tensors, {saved: grouped.saved[saved] for saved in tensors}, options)
