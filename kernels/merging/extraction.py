"""A LoRA out of two checkpoints: the truncated SVD of every difference, one module in memory at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..lowrank import LowRankUpdate, computing_dtype
from .dense_svd import truncated_svd

INDEX_NAME, SINGLE_NAME = "model.safetensors.index.json", "model.safetensors"
# Tables that are looked up, and the output layer that is often the same table; PEFT saves those whole.
NOT_LINEAR = re.compile(
    r"(^|[._])(embed\w*|embeddings?|wte|wpe|lm_head|norm\w*|ln_\w+|layernorm)([._]|$)", re.IGNORECASE
)


@dataclass(frozen=True)
class Extraction:
    """The LoRA, `||D - D_k||_F / ||D||_F` per module, and every tensor that changed and is not in it, with why."""

    adapter: dict[str, LowRankUpdate]
    errors: dict[str, float]
    left_out: dict[str, str]


def is_linear_weight(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is taken for the weight of a linear layer: a `.weight` of two dimensions, no table or norm."""
    return name.endswith(".weight") and len(shape) == 2 and NOT_LINEAR.search(name) is None


def extract_lora(
    base: str | Path,
    tuned: str | Path,
    *,
    rank: int,
    energy: float | None = None,
    is_extracted: Callable[[str, tuple[int, ...]], bool] = is_linear_weight,
    is_transposed: bool = False,
    prefix: str = "",
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Extraction:
    """The best LoRA of at most `rank` for `W_tuned - W_base` of every linear layer; at `energy` fewer may do.

    Two safetensors files or folders of them with an index. `energy` in (0, 1] is the share of `||D||_F^2` at which
    a module's rank stops short of `rank`. Modules that did not change are left away. `is_transposed` is for weights
    stored as (d_in, d_out), as GPT-2's. `prefix` stands before the base's names in the tuned checkpoint (`bert.` in
    one with a head); modules are named as there. Factors are balanced, `B = U S^1/2`. The truncated SVD is the best
    approximation (Eckart and Young, 1936). ValueError for settings out of range or a checkpoint of other shapes.
    """
    if rank < 1 or (energy is not None and not 0.0 < energy <= 1.0):
        raise ValueError(f"rank >= 1 and energy in (0, 1] expected; received {rank} and {energy!r}")
    old, new = Checkpoint(base), Checkpoint(tuned)
    adapter, errors = {}, {}
    left_out = {name: "only in the base" for name in old.names if f"{prefix}{name}" not in new.files}
    for done, name in enumerate(new.names, start=1):
        own = name.removeprefix(prefix)
        if own not in old.files:
            left_out[name] = "only in the tuned checkpoint"
        else:
            difference = _difference(old.tensor(own), new.tensor(name), name)
            if bool(difference.any()):
                if is_extracted(name, tuple(difference.shape)):
                    module = name.removesuffix(".weight")
                    matrix = difference.T.contiguous() if is_transposed else difference
                    adapter[module], errors[module] = _best_factors(matrix, rank, energy, seed)
                else:
                    left_out[name] = "changed, and no linear layer"
        if progress is not None:
            progress(done / len(new.names))
    return Extraction(adapter, errors, left_out)


class Checkpoint:
    """Tensors of a safetensors file, or of a folder with one or with an index, read one at a time."""

    def __init__(self, path: str | Path) -> None:
        """List the tensors; ValueError when there is no safetensors file, or the index names a file elsewhere."""
        self.files: dict[str, Path] = {}
        for file in _files(Path(path)):
            with safe_open(file, framework="pt") as opened:
                self.files.update(dict.fromkeys(opened.keys(), file))
        self.names = sorted(self.files)

    def tensor(self, name: str) -> Tensor:
        """One tensor, as stored."""
        with safe_open(self.files[name], framework="pt") as opened:
            found: Tensor = opened.get_tensor(name)
            return found


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    index = path / INDEX_NAME
    if index.is_file():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        stray = [name for name in names if Path(name).name != name]
        if stray:
            raise ValueError(f"an index names files of its own folder; received {stray[0]!r}")
        return [path / name for name in names]
    if (path / SINGLE_NAME).is_file():
        return [path / SINGLE_NAME]
    raise ValueError(
        f"a safetensors file, or a folder with {SINGLE_NAME} or its index, expected; received {path.name!r}"
    )


def _difference(old: Tensor, new: Tensor, name: str) -> Tensor:
    if old.shape != new.shape:
        raise ValueError(f"{name} must have one shape in both; received {list(old.shape)} and {list(new.shape)}")
    dtype = computing_dtype(old.dtype, new.dtype)
    return new.to(dtype) - old.to(dtype)


def _best_factors(matrix: Tensor, rank: int, energy: float | None, seed: int) -> tuple[LowRankUpdate, float]:
    total = float(torch.linalg.vector_norm(matrix, dtype=torch.float64))
    generator = torch.Generator().manual_seed(seed)
    form, _ = truncated_svd(matrix, min(rank, *matrix.shape), generator=generator, tolerance=1e-3, max_blocks=8)
    if energy is not None:
        kept = form.S.double().square().cumsum(0) / total**2
        form = form.truncated(min(form.rank, int((kept < energy).sum()) + 1))
    # The matrix becomes the residual: squares of norms would cancel.
    residual = float(torch.linalg.vector_norm(matrix.addmm_(form.U * form.S, form.V.T, alpha=-1), dtype=torch.float64))
    return form.as_update(), residual / total
