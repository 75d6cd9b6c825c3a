"""A compressed member as an ordinary PEFT LoRA folder, heads and all."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copymode

from safetensors.torch import load_file, save_file

from ..formats.folder import CONFIG_NAME
from ..lowrank_io import WEIGHTS_NAME, save_lora
from .files import read_basis, read_member
from .stored import StoredBasis, StoredMember, expand

# What a config says of heads and of the task; nothing else is taken over from a file that somebody sent.
SETTINGS = ("task_type", "modules_to_save", "bias", "fan_in_fan_out", "id2label", "label2id")


def expand_files(
    basis: str | Path, coefficients: str | Path, folder: str | Path, *, base_model: str | None = None
) -> Path:
    """Turn a basis file and a member's file into an ordinary PEFT LoRA folder; returns the folder.

    FormatError for files that do not belong together or are not what they claim; FileExistsError when the folder holds
    an adapter.
    """
    read = read_basis(basis)
    return save_expanded(read, read_member(coefficients, read), folder, base_model=base_model)


def save_expanded(
    basis: StoredBasis, member: StoredMember, folder: str | Path, *, base_model: str | None = None
) -> Path:
    """Write a member as an ordinary PEFT LoRA folder, float32, with its heads and what its config said of them.

    `base_model` replaces the family's in the config. ValueError for a member that changes nothing.
    """
    folder = save_lora(expand(basis, member), folder, base_model=base_model or basis.base_model, layout=basis.layout)
    weights = folder / WEIGHTS_NAME
    if member.full:
        tensors = load_file(weights) | {name: values.contiguous() for name, values in member.full.items()}
        save_file(tensors, weights, metadata={"format": "pt"})
        copymode(folder / CONFIG_NAME, weights)
    config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    config |= {key: member.settings[key] for key in SETTINGS if key in member.settings}
    (folder / CONFIG_NAME).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return folder
