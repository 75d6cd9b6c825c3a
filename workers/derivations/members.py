"""The parents of a derivation as a child reads them: low-rank updates, full copies, and the files beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from kernels.copies import Copies, load_copies
from kernels.formats.safetensors_header import read_header
from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import WEIGHTS_NAME, Layout, load_layout, load_updates
from workers.evaluation.errors import Refused

CONFIG_NAME, CARD_NAME = "adapter_config.json", "README.md"
_OWN = frozenset({CONFIG_NAME, CARD_NAME, WEIGHTS_NAME})
_HALVES = {"F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class Member:
    """One parent: what it is called, its files by name, its updates with the scale folded in, and its full copies."""

    name: str
    files: Mapping[str, Path]
    updates: dict[str, LowRankUpdate]
    layout: Layout
    copies: Copies

    @property
    def companions(self) -> dict[str, Path]:
        """Its files beside weights, config and card: a tokenizer, names of labels, a licence. No other tensors."""
        return {
            name: path for name, path in self.files.items() if name not in _OWN and not name.endswith(".safetensors")
        }

    @property
    def weights_bytes(self) -> int:
        """Size of its weights file."""
        return self.files[WEIGHTS_NAME].stat().st_size

    @property
    def stored_dtype(self) -> torch.dtype:
        """The half precision that all its tensors are stored in, else float32."""
        names = {info.dtype for info in read_header(self.files[WEIGHTS_NAME]).tensors.values()}
        return _HALVES.get(names.pop(), torch.float32) if len(names) == 1 else torch.float32


def read_members(given: Sequence[Mapping[str, Any]], device: torch.device) -> list[Member]:
    """The parents in their order, updates on ``device``.

    Raises:
        Refused: ``not_peft``, ``mixed_shapes``. FormatError ``not_low_rank`` and others, where a file holds more than
        low-rank pairs and full copies.
    """
    members = [_read(one, device) for one in given]
    seen: dict[str, tuple[tuple[int, int], str]] = {}
    for member in members:
        for module, update in member.updates.items():
            shape, first = seen.setdefault(module, ((update.d_out, update.d_in), member.name))
            if shape != (update.d_out, update.d_in):
                raise Refused(
                    "mixed_shapes",
                    f"{module} is {list(shape)} in {first} and {[update.d_out, update.d_in]} in {member.name}",
                    "Only adapters of one base model with the same shapes go together.",
                )
    _refuse_other_names(members)
    return members


def _refuse_other_names(members: Sequence[Member]) -> None:
    """`bert.encoder.0` of one model class is `encoder.0` of another: what looks like two modules would be one."""
    for member in members[1:]:
        first = members[0]
        for module in member.updates.keys() - first.updates.keys():
            twin = next((name for name in first.updates if f".{name}".endswith(f".{module}")), None)
            twin = twin or next((name for name in first.updates if f".{module}".endswith(f".{name}")), None)
            if twin is not None:
                raise Refused(
                    "mixed_shapes",
                    f"{module} of {member.name} is {twin} in {first.name}: they were trained on other model classes",
                    "Only adapters of one base model and one model class go together.",
                )


def _read(given: Mapping[str, Any], device: torch.device) -> Member:
    files = _beside_config({name: Path(path) for name, path in given["files"].items()}, given["name"])
    if WEIGHTS_NAME not in files:
        raise Refused("not_peft", f"{given['name']} has no {WEIGHTS_NAME}", "Only PEFT adapters can be computed with.")
    return Member(given["name"], files, load_updates(files, device=device), load_layout(files), load_copies(files))


def _beside_config(files: Mapping[str, Path], name: str) -> dict[str, Path]:
    """The files of the folder that holds the config, by their paths in it."""
    places = [PurePosixPath(path) for path in files if PurePosixPath(path).name == CONFIG_NAME]
    if not places:
        raise Refused("not_peft", f"{name} has no {CONFIG_NAME}", "Only PEFT adapters can be computed with.")
    folder = min(places, key=lambda place: (len(place.parts), place)).parent
    within = {PurePosixPath(path): local for path, local in files.items() if PurePosixPath(path).is_relative_to(folder)}
    return {path.relative_to(folder).as_posix(): local for path, local in within.items()}
