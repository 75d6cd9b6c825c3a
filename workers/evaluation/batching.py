"""Run rows through a model, longest first: batches hold little padding, and the largest comes before all others."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import torch

from workers.evaluation.errors import OutOfMemory, is_out_of_memory

Result = TypeVar("Result")
Encoded = dict[str, list[int]]
Forward = Callable[[dict[str, torch.Tensor]], Sequence[torch.Tensor] | torch.Tensor]
"""A batch as tensors -> what a model says of its rows: one tensor, rows first, or one for each row."""
_MOST_ROWS = {"cpu": 32, "cuda": 256}
_CPU_BYTES = 1 << 30
_CUDA_SHARE = 0.5


@dataclass
class Batching:
    """How the rows of one subject went through the model; the same size again gives the same batches."""

    batch_size: int
    found: bool
    halvings: int = 0
    seconds: float = 0.0
    rows: int = 0

    def as_used(self) -> dict[str, Any]:
        """What the evaluation's row keeps."""
        how = "found" if self.found else "asked"
        return {"batch_size": self.batch_size, "batch_size_was": how, "halvings": self.halvings}


def order_of(lengths: Sequence[int]) -> list[int]:
    """The order in which rows run: longest first, equal ones as in the file."""
    return sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))


def find_batch_size(longest: int, config: Any, device: torch.device) -> int:
    """The largest power of two whose longest batch, by estimate, fits: a share of the device's memory, or 1 GiB."""
    width = int(getattr(config, "hidden_size", 0) or 1024)
    heads = int(getattr(config, "num_attention_heads", 0) or 16)
    # Some twenty activations of a token live at once, and two matrices of attention.
    row_bytes = 4 * longest * (20 * width + 2 * heads * longest) + 4 * longest * int(
        getattr(config, "vocab_size", 0) if _has_language_head(config) else 0
    )
    room = _CPU_BYTES if device.type == "cpu" else int(torch.cuda.mem_get_info(device)[0] * _CUDA_SHARE)
    size = _MOST_ROWS.get(device.type, 32)
    while size > 1 and size * row_bytes > room:
        size //= 2
    return size


def _has_language_head(config: Any) -> bool:
    return any("LM" in name for name in getattr(config, "architectures", None) or ())


def halving(work: Callable[[int], Result], batch_size: int, used: Batching) -> Result:
    """``work(batch_size)``, begun anew with half of it when memory runs out. Raises OutOfMemory at one row.

    Everything begins anew, so that all rows went through in batches of the one size that is recorded.
    """
    while True:
        used.batch_size = batch_size
        try:
            return work(batch_size)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if batch_size == 1:
                raise OutOfMemory("one row alone does not fit into the memory of the device") from None
        batch_size //= 2
        used.halvings += 1
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def pad(rows: Sequence[Encoded], tokenizer: Any, device: torch.device) -> dict[str, torch.Tensor]:
    """Rows as tensors `(rows, longest)`, padded as the tokenizer pads."""
    return dict(tokenizer.pad(list(rows), padding=True, return_tensors="pt").to(device))


def run_in_batches(
    rows: Sequence[Encoded],
    tokenizer: Any,
    forward: Forward,
    *,
    used: Batching,
    device: torch.device,
    report: Callable[[float], None] = lambda share: None,
) -> list[torch.Tensor]:
    """What ``forward`` gives for every row, float32 on the CPU, in the order of ``rows``."""
    order = order_of([len(row["input_ids"]) for row in rows])

    def work(batch_size: int) -> list[torch.Tensor]:
        results: list[torch.Tensor] = []
        start = perf_counter()
        with torch.inference_mode():
            for first in range(0, len(order), batch_size):
                batch = pad([rows[row] for row in order[first : first + batch_size]], tokenizer, device)
                given = forward(batch)
                # One copy from the device for the whole batch, where it can be one.
                results.extend(given.float().cpu() if torch.is_tensor(given) else [row.float().cpu() for row in given])
                report((first + batch_size) / len(order))
        used.seconds, used.rows = perf_counter() - start, len(rows)
        return results

    by_row = dict(zip(order, halving(work, used.batch_size, used), strict=True))
    return [by_row[row] for row in range(len(rows))]
