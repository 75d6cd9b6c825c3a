"""Wall time, CPU time and peak memory of one piece of work, here or in a bounded child; rivals take turns."""

import ctypes
import gc
import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.machine import timed

_COPY_BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}
_GEMM_SIZE = {"cpu": 2048, "cuda": 8192}


@dataclass(frozen=True)
class Measured:
    """Medians over the rounds; peak is what was added to the memory held before. `failure` says why there is none."""

    value: Any = None
    wall_seconds: float = float("nan")
    cpu_seconds: float = float("nan")
    peak_bytes: int = 0
    rounds: int = 1
    failure: str = ""


@dataclass(frozen=True)
class Contender:
    """Work that gives a Measured; `is_once`: too slow to be repeated."""

    run: Callable[[], Measured]
    is_once: bool = False


def measure(work: Callable[[], Any], *, device: str = "cpu") -> Measured:
    """Run the work once."""
    base = _reset_peak(device)
    _wait(device)
    cpu, start = time.process_time(), time.perf_counter()
    value = work()
    _wait(device)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Measured(value, wall, cpu, max(0, _peak(device) - base))


def side_by_side(contenders: Mapping[str, Contender], *, rounds: int) -> dict[str, Measured]:
    """Every contender in turn, `rounds` times; those marked once only in the first round."""
    runs: dict[str, list[Measured]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, contender in contenders.items():
            if turn == 0 or not contender.is_once:
                runs[name].append(contender.run())
    return {name: _middle(found) for name, found in runs.items()}


def here(work: Callable[[], Any], *, device: str = "cpu") -> Contender:
    """A contender of this process."""
    return Contender(lambda: measure(work, device=device))


def bounded(oracle: str, *, limit_seconds: float, is_once: bool = True, **arguments: Any) -> Contender:
    """A function of kernels_oracles in a child of its own, ended after `limit_seconds`; it returns a Measured."""

    def run() -> Measured:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(theirs, oracle, torch.get_num_threads(), arguments))
        child.start()
        theirs.close()
        try:
            if not ours.poll(limit_seconds):
                return Measured(failure=f"ended after {limit_seconds:.0f} s", wall_seconds=limit_seconds)
            return ours.recv()
        except EOFError:
            return Measured(failure="the process died, most likely for memory")
        finally:
            child.kill()
            child.join()

    return Contender(run, is_once)


def calibration_of(device: str) -> tuple[str, float]:
    """One line with PyTorch's GEMM GFLOP/s and copy GB/s on the device, and the latter in bytes per second."""
    size = _GEMM_SIZE[device]
    a = torch.randn(size, size, device=device)
    block = torch.zeros(_COPY_BYTES[device], dtype=torch.uint8, device=device)

    def synchronised(work: Callable[[], object]) -> float:
        def run() -> None:
            work()
            _wait(device)

        run()
        return timed(run)

    gemm = 2 * size**3 / synchronised(lambda: a @ a) / 1e9
    copy = 2 * block.numel() / synchronised(block.clone)
    name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    return (
        f"calibration of PyTorch on {device} ({name}): GEMM fp32 {gemm:.0f} GFLOP/s, copy {copy / 1e9:.1f} GB/s",
        copy,
    )


def table(rows: Mapping[str, Measured], remarks: Mapping[str, str] | None = None) -> list[str]:
    """Markdown lines, one per contender."""
    lines = ["| what | wall | CPU s | peak MB | runs | remark |", "|---|---:|---:|---:|---:|---|"]
    for name, one in rows.items():
        remark = one.failure or (remarks or {}).get(name, "")
        figures = f"{seconds(one.wall_seconds)} | {one.cpu_seconds:.3g} | {one.peak_bytes / 1e6:.0f}"
        lines.append(f"| {name} | {'-- | -- | --' if one.failure else figures} | {one.rounds} | {remark} |")
    return lines


def seconds(value: float) -> str:
    """Milliseconds below a second."""
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def times_faster(slow: Measured, fast: Measured) -> str:
    """The ratio of wall times; where the slow one was ended early, at least that."""
    return f"{'> ' if slow.failure else ''}{slow.wall_seconds / fast.wall_seconds:.0f}x"


def _child(pipe: Any, oracle: str, threads: int, arguments: dict[str, Any]) -> None:
    torch.set_num_threads(threads)
    try:
        result = getattr(import_module("benchmarks.kernels_oracles"), oracle)(**arguments)
    except ImportError as problem:
        result = Measured(failure=f"not installed: {problem.name}")
    except MemoryError:
        result = Measured(failure="out of memory")
    pipe.send(result)


def _middle(runs: list[Measured]) -> Measured:
    good = [one for one in runs if not one.failure]
    if not good:
        return runs[-1]
    return replace(
        good[-1],
        wall_seconds=median(one.wall_seconds for one in good),
        cpu_seconds=median(one.cpu_seconds for one in good),
        peak_bytes=max(one.peak_bytes for one in good),
        rounds=len(good),
    )


def _reset_peak(device: str) -> int:
    """Forget the highest memory so far; the memory held now."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def _peak(device: str) -> int:
    return torch.cuda.max_memory_allocated() if device == "cuda" else _status_bytes("VmHWM")


def _status_bytes(key: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
