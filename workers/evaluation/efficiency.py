"""What an adapter costs beside its score: numbers, bytes, time to load, time for a row, memory."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from kernels.stitch.loading import WEIGHTS_NAME
from workers.evaluation.adapters import AdapterFolder
from workers.evaluation.base import Base
from workers.evaluation.batching import Batching, Encoded, Forward, run_in_batches
from workers.evaluation.passing import Pass
from workers.evaluation.subjects import tensors_kept

_ROUNDS = 3
FEW_ROWS = 8


class PeakMemory:
    """The most memory that a block held: of the device, or of this process."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            return
        try:
            # The kernel begins to look for the highest mark anew.
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pass

    def bytes(self) -> int:
        """The highest mark since this object was made; 0 where nothing tells."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        try:
            status = Path("/proc/self/status").read_text()
        except OSError:
            return 0
        return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


class Clock:
    """Milliseconds for a row of the same few rows: a sample of the set's, from its shortest to its longest.

    ``rows`` are those of ``run`` where they are left out; each may be several sequences, such as the choices of a
    question.
    """

    def __init__(self, run: Pass, rows: Sequence[Sequence[Encoded]] | None = None) -> None:
        rows = [[row] for row in run.rows] if rows is None else rows
        order = sorted(range(len(rows)), key=lambda row: sum(len(one["input_ids"]) for one in rows[row]))
        step = max(1, len(order) // FEW_ROWS)
        chosen = [rows[row] for row in order[::step][:FEW_ROWS]]
        self._sequences, self._count = [one for row in chosen for one in row], len(chosen)
        # What did not fit before does not fit now.
        self._batch_size = min(len(self._sequences), run.used.batch_size)
        self._tokenizer, self._device = run.tokenizer, run.device

    def once(self, forward: Forward) -> float:
        """Milliseconds for a row."""
        used = Batching(batch_size=self._batch_size, found=True)
        start = perf_counter()
        run_in_batches(self._sequences, self._tokenizer, forward, used=used, device=self._device)
        return (perf_counter() - start) * 1e3 / self._count

    def median(self, forward: Forward) -> float:
        """The median of some rounds, after one that does not count."""
        return median([self.once(forward) for _ in range(_ROUNDS + 1)][1:])


def merged_milliseconds(model: Any, clock: Clock, forward: Forward) -> float | None:
    """Milliseconds for a row with the adapter merged into the base, which is as before afterwards; None if it cannot.

    ``model`` is a PeftModel. Merging goes into copies of the tensors that it writes.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    if not layers or not hasattr(model.base_model, "merge_adapter"):
        return None
    try:
        with tensors_kept([tensor for layer in layers for tensor in layer.get_base_layer().parameters()]):
            model.base_model.merge_adapter()
            return clock.median(forward)
    except (NotImplementedError, ValueError, AttributeError, TypeError, RuntimeError):
        # Some methods cannot be merged, and a copy may not fit beside the base.
        return None


class Stopwatch:
    """Times one subject: its loading, a row with the adapter beside the base and merged into it, a row of the base."""

    def __init__(self, run: Pass, *, is_wanted: bool, rows: Sequence[Sequence[Encoded]] | None = None) -> None:
        """``rows`` are what :class:`Clock` takes."""
        self._run, self._is_wanted, self._rows = run, is_wanted, rows
        self._memory = PeakMemory(run.device)
        self._said: dict[str, Any] = {}
        self._start = perf_counter()

    def start(self) -> None:
        """The adapter begins to be put on."""
        self._start = perf_counter()

    def is_on(self) -> None:
        """The adapter is on the model."""
        self._said["load_seconds"] = perf_counter() - self._start

    def time_adapter(self, forward: Forward, model: Any) -> None:
        """``forward`` runs the PeftModel ``model``; what ran until now is the peak of memory."""
        self._said["peak_memory_bytes"] = self._memory.bytes()
        if self._is_wanted:
            clock = Clock(self._run, self._rows)
            self._said["milliseconds_per_row"] = clock.median(forward)
            self._said["milliseconds_per_row_merged"] = merged_milliseconds(model, clock, forward)

    def time_base(self, forward: Forward, base: Base) -> None:
        """``forward`` runs the base model without the adapter; measured once for rows of the same kind."""
        self._said.setdefault("peak_memory_bytes", self._memory.bytes())
        if self._is_wanted:
            key = (self._run.longest, self._run.whose, len(self._run.rows))
            if key not in base.milliseconds:
                base.milliseconds[key] = Clock(self._run, self._rows).median(forward)
            self._said["milliseconds_per_row_base"] = base.milliseconds[key]

    def efficiency(self, adapter: AdapterFolder | None) -> dict[str, Any]:
        """What was measured, with the adapter's numbers and bytes; and rows a second of the whole run."""
        if self._run.used.seconds:
            self._said["rows_per_second"] = self._run.used.rows / self._run.used.seconds
        said = {
            name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in self._said.items()
        }
        return said | (costs(adapter) if adapter else {})


def costs(adapter: AdapterFolder) -> dict[str, int]:
    """Numbers and bytes of an adapter's weights, from the header of its file."""
    parameters = sum(prod(shape) for shape in adapter.shapes.values())
    return {"parameters": parameters, "bytes": (adapter.folder / WEIGHTS_NAME).stat().st_size}
