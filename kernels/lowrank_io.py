"""Reading an adapter of any dialect into LowRankUpdates, and writing one as an ordinary PEFT LoRA folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copymode
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from .copies import Copies
from .formats.errors import FormatError
from .formats.folder import CONFIG_NAME
from .formats.pairs import read_pairs
from .formats.values import factors
from .lowrank import Adapter, LowRankUpdate

WEIGHTS_NAME = "adapter_model.safetensors"
_ROOT = "base_model.model."


@dataclass(frozen=True)
class Layout:
    """Which modules are not plain linear layers: embeddings, and convolutions with their windows."""

    embeddings: frozenset[str] = frozenset()
    windows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def load_updates(
    path: str | Path | Mapping[str, Path],
    *,
    modules: Sequence[str] | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    is_partial_allowed: bool = False,
) -> dict[str, LowRankUpdate]:
    """Module path -> update of an adapter's folder or safetensors file, scales folded in; `modules` selects some.

    A folder may also be given as a mapping of its names to where the files lie.
    Convolutions are flattened to A (r, d_in * window); embeddings have A (r, rows), B (width, r). Values that the
    file keeps in half precision come out as float32, or in `dtype`. Heads and other full copies are not updates and
    are left out. FormatError, a ValueError, for files that do not hold low-rank pairs or hold more of the method than
    pairs can say (DoRA magnitudes, biases of B), unless `is_partial_allowed`.
    """
    weights, header, grouped = read_pairs(path)
    middles = {pair.middle_name for pair in grouped.pairs}
    beyond = [name for name in grouped.method_tensors if name not in middles]
    if beyond and not is_partial_allowed:
        raise FormatError(
            "not_low_rank",
            f"{weights.name} holds more than low-rank pairs, {beyond[0]!r} among it; the pairs are not all of it.",
            hint="Merge that part into a LoRA first, or read the pairs alone with is_partial_allowed=True.",
            tensor=beyond[0],
        )
    pairs = {pair.module: pair for pair in grouped.pairs}
    missing = [name for name in modules or () if name not in pairs]
    if missing:
        raise ValueError(f"modules must be among the adapter's {len(pairs)}; received {missing[0]!r}")
    updates = {}
    for name in sorted(modules if modules is not None else pairs):
        a, b = factors(weights, header, pairs[name])
        A, B = (torch.tensor(half, dtype=dtype, device=device) for half in (a, b))
        updates[name] = LowRankUpdate.from_lora(A, B, scale=pairs[name].scale)
    return updates


def load_layout(path: str | Path | Mapping[str, Path]) -> Layout:
    """Which of an adapter's modules are embeddings or convolutions; `save_lora` writes them as PEFT does."""
    _, _, grouped = read_pairs(path)
    embeddings = frozenset(pair.module for pair in grouped.pairs if pair.kind == "embedding")
    return Layout(embeddings, {pair.module: pair.kernel for pair in grouped.pairs if pair.kernel})


def module_shapes(path: str | Path | Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """Module path -> (d_out, d_in) of every low-rank pair; only the header is read. FormatError as `load_updates`."""
    _, _, grouped = read_pairs(path)
    return {pair.module: (pair.d_out, pair.d_in) for pair in sorted(grouped.pairs, key=lambda pair: pair.module)}


def save_lora(
    adapter: Adapter,
    folder: str | Path,
    *,
    base_model: str,
    task_type: str | None = None,
    layout: Layout = Layout(),
    dtype: torch.dtype | None = None,
    copies: Copies | None = None,
) -> Path:
    """Write an ordinary PEFT LoRA folder with lora_alpha = r, so that PEFT's scale is 1; returns the folder.

    `copies` are heads and the like that go with it, bit for bit. Modules whose rank differs from the most frequent one
    stand in `rank_pattern` and `alpha_pattern`. ValueError for an adapter without modules or with a rank of 0,
    FileExistsError when the folder holds weights already.
    """
    folder = Path(folder)
    if not adapter:
        raise ValueError("an adapter has at least one module; received none")
    empty = [name for name, update in adapter.items() if update.rank == 0]
    if empty:
        raise ValueError(f"PEFT needs ranks of at least 1; received rank 0 at {empty[0]!r}")
    if (folder / WEIGHTS_NAME).exists():
        raise FileExistsError(f"{folder} holds an adapter already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for name in sorted(adapter):
        tensors |= _named_factors(name, adapter[name].to(dtype), layout)
    if copies is not None:
        tensors |= {name: tensor.contiguous() for name, tensor in copies.tensors.items()}
    save_file(tensors, folder / WEIGHTS_NAME, metadata={"format": "pt"})
    config = lora_config(adapter, base_model=base_model, task_type=task_type) | (copies.options if copies else {})
    (folder / CONFIG_NAME).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    # The library makes files that their owner alone may read.
    copymode(folder / CONFIG_NAME, folder / WEIGHTS_NAME)
    return folder


def lora_config(adapter: Adapter, *, base_model: str, task_type: str | None = None) -> dict[str, Any]:
    """The adapter_config.json of `save_lora`: r is the most frequent rank, and every alpha equals its rank."""
    ranks = {name: adapter[name].rank for name in sorted(adapter)}
    usual = Counter(ranks.values()).most_common(1)[0][0]
    pattern = {name: rank for name, rank in ranks.items() if rank != usual}
    return {
        "peft_type": "LORA",
        "task_type": task_type,
        "base_model_name_or_path": base_model,
        "r": usual,
        "lora_alpha": usual,
        "rank_pattern": pattern,
        "alpha_pattern": dict(pattern),
        "target_modules": list(ranks),
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
    }


def _named_factors(name: str, update: LowRankUpdate, layout: Layout) -> dict[str, Tensor]:
    A, B = update.A.cpu(), update.B.cpu()
    if name in layout.embeddings:
        names = (f"{_ROOT}{name}.lora_embedding_A", f"{_ROOT}{name}.lora_embedding_B")
    else:
        names = (f"{_ROOT}{name}.lora_A.weight", f"{_ROOT}{name}.lora_B.weight")
    window = layout.windows.get(name, ())
    if window:
        A = A.reshape(A.shape[0], -1, *window)
        B = B.reshape(*B.shape, *(1 for _ in window))
    return {names[0]: A.contiguous().clone(), names[1]: B.contiguous().clone()}
