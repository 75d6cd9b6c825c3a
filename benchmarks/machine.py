"""The machine and a calibration row, so that figures of different machines can be read side by side."""

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
_REPEATS = 5


def timed(work: Callable[[], object], *, repeats: int = _REPEATS) -> float:
    """Median seconds of ``repeats`` runs."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def calibration() -> str:
    """One line: GEMM GFLOP/s, copy GB/s and SHA-256 GB/s of one process right now."""
    import hashlib

    import numpy as np

    n = 1024
    a = np.random.default_rng(0).standard_normal((n, n), dtype=np.float32)
    gemm = 2 * n**3 / timed(lambda: a @ a) / 1e9
    block = np.zeros(64 << 20, dtype=np.uint8)
    copy = 2 * block.nbytes / timed(block.copy) / 1e9
    digest = block.nbytes / timed(lambda: hashlib.sha256(block)) / 1e9
    return f"calibration: GEMM fp32 {gemm:.0f} GFLOP/s, copy {copy:.1f} GB/s, SHA-256 {digest:.2f} GB/s"


def machine(*packages: str) -> str:
    """Processor, cores, Python and the versions of ``packages``."""
    import os

    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def record(title: str, lines: list[str]) -> None:
    """Print the lines and keep them in RESULTS.md under ``title``, in place of that title's earlier run."""
    body = "\n".join(lines)
    print(f"{title}\n\n{body}")
    text = (
        RESULTS.read_text()
        if RESULTS.exists()
        else "# Results\n\nEach section is the last run of its `make bench-*` target.\n"
    )
    before, found, after = text.partition(f"\n## {title}\n")
    rest = after.partition("\n## ")
    tail = f"\n## {rest[2]}" if found and rest[1] else ""
    RESULTS.write_text(f"{before.rstrip()}\n\n## {title}\n\n{body}\n{tail}")
