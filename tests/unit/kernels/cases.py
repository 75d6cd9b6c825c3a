"""Tiny base configurations, and helpers that inspect a folder or put one thing wrong in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from kernels.formats.inspection import Inspection, inspect_folder

SHARED = Path(__file__).resolve().parents[4] / "shared"

BASE_CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {
        "model_type": "bert", "architectures": ["BertModel"], "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 100, "max_position_embeddings": 32,
    },
    "llama": {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64, "vocab_size": 100,
        "max_position_embeddings": 32, "bos_token_id": 1, "eos_token_id": 2,
    },
    "gpt2": {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 32, "n_layer": 2, "n_head": 2,
        "vocab_size": 100, "n_positions": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    },
}  # fmt: skip


def files_of(folder: Path) -> dict[str, Path]:
    """What an upload of the folder would hold."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def inspect(folder: Path, **options: Any) -> Inspection:
    """Inspect a folder; the report must be JSON."""
    result = inspect_folder(files_of(folder), **options)
    json.dumps(result.as_dict(), allow_nan=False)
    return result


def codes(result: Inspection, severity: str = "error") -> set[str]:
    """Codes of one severity."""
    return {finding.code for finding in result.findings if finding.severity == severity}


def rewrite(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    """Load the weights, change the table, write it back."""
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def reconfigure(folder: Path, **changes: Any) -> None:
    """Change keys of adapter_config.json; a value of ... removes the key."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text("utf-8"))
    config.update(changes)
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}), "utf-8")


def fill(tensors: dict[str, np.ndarray], part: str, value: float) -> None:
    """Set every tensor whose name holds `part` to one value."""
    for name, array in tensors.items():
        if part in name:
            array.fill(value)


def rename(tensors: dict[str, np.ndarray], old: str, new: str) -> None:
    """Replace `old` by `new` in every tensor's name."""
    for name in list(tensors):
        tensors[name.replace(old, new)] = tensors.pop(name)
