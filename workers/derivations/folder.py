"""The folder that a derivation writes: an ordinary PEFT LoRA, what goes with it, and a card that says where it is from.

Nothing in it tells of the day, the device or the versions: the same recipe on the same kind of device gives the same
bytes, so that digests can be compared.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from kernels.copies import Copies
from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import WEIGHTS_NAME, Layout, save_lora
from workers.derivations.members import CARD_NAME, Member
from workers.evaluation.errors import Refused

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def write_folder(
    out: Path,
    updates: Mapping[str, LowRankUpdate],
    *,
    base_model: str,
    layout: Layout,
    copies: Copies,
    companions: Mapping[str, Path],
    card: str,
    dtype: torch.dtype,
    task_type: str | None = None,
) -> int:
    """Write the folder and return the bytes of its weights file.

    Modules of rank 0 change nothing and are left out. Raises Refused ``changes_nothing`` where no update is left that
    is other than zero, ``not_finite`` where one is not a number.
    """
    kept = {name: update.to(dtype, "cpu") for name, update in updates.items() if update.rank}
    for name, update in kept.items():
        if not bool(update.A.isfinite().all() and update.B.isfinite().all()):
            raise Refused("not_finite", f"{name} would hold NaN or infinity in {str(dtype).removeprefix('torch.')}")
    if not any(bool(update.A.any()) and bool(update.B.any()) for update in kept.values()):
        raise Refused("changes_nothing", "every update would be zero, so that the adapter would change nothing")
    save_lora(kept, out, base_model=base_model, task_type=task_type, layout=layout, copies=copies)
    for name, path in companions.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / name)
    (out / CARD_NAME).write_text(card, encoding="utf-8")
    return (out / WEIGHTS_NAME).stat().st_size


def shared_companions(members: Sequence[Member]) -> dict[str, Path]:
    """The files beside the weights that every member has, byte for byte the same: a tokenizer, as a rule."""
    first, *others = members
    return {
        name: path
        for name, path in first.companions.items()
        if all(name in other.companions and _is_same(path, other.companions[name]) for other in others)
    }


def task_type_of(members: Sequence[Member]) -> str | None:
    """The task type that all members declare, else none."""
    found = {_config(member).get("task_type") for member in members}
    task_type = found.pop() if len(found) == 1 else None
    return task_type if isinstance(task_type, str) else None


def whole_layout(members: Sequence[Member]) -> Layout:
    """Which modules of any member are embeddings or convolutions."""
    embeddings: frozenset[str] = frozenset().union(*(member.layout.embeddings for member in members))
    windows = {name: window for member in members for name, window in member.layout.windows.items()}
    return Layout(embeddings, windows)


def _config(member: Member) -> dict[str, Any]:
    read = json.loads(member.files["adapter_config.json"].read_text(encoding="utf-8"))
    return read if isinstance(read, dict) else {}


def _is_same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
