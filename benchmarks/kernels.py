"""The numerics beside the originals, in one run: canonical form, merging, joint compression, shared subspaces.

Run as `python -m benchmarks.kernels`; `--quick` is a smoke run on small shapes that keeps nothing, `--long` adds
eight modules of 500 adapters.
"""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch

# Oracles run in children that import this module once more: only the sections are imported at the top.
from benchmarks import kernels_families, kernels_merging
from benchmarks.kernels_measuring import calibration_of, here, side_by_side, table
from benchmarks.kernels_pools import lora_pool
from benchmarks.machine import calibration, machine, record
from kernels.lowrank import thin_forms

TITLE = "Kernels (`make bench-kernels`)"
LONG_TITLE = "Kernels, a pool of 500 (`make bench-kernels ARGS=--long`)"


@dataclass(frozen=True)
class Sizes:
    """Shapes of every section."""

    canonical: dict[str, Any]
    merging: dict[str, Any]
    joint: dict[str, Any]
    joint_ranks: tuple[int, ...]
    rivals: dict[str, Any]
    rival_ranks: tuple[int, ...]
    projected: dict[str, Any]
    held_in: int
    eigen_rank: int
    large: dict[str, Any]
    large_rank: int
    large_modules: int
    rounds: int
    limit_seconds: float


FULL = Sizes(
    canonical={"count": 100, "rank": 16, "width": 4096},
    merging={"count": 8, "rank": 16, "width": 4096},
    joint={"count": 100, "rank": 16, "width": 4096},
    joint_ranks=(16, 64),
    rivals={"count": 100, "rank": 16, "width": 2048},
    rival_ranks=(16, 64),
    projected={"count": 120, "rank": 16, "width": 2048},
    held_in=100,
    eigen_rank=64,
    large={"count": 500, "rank": 16, "width": 4096},
    large_rank=64,
    large_modules=8,
    rounds=3,
    limit_seconds=600.0,
)
QUICK = Sizes(
    canonical={"count": 10, "rank": 8, "width": 512},
    merging={"count": 4, "rank": 8, "width": 384},
    joint={"count": 12, "rank": 8, "width": 512},
    joint_ranks=(8, 16),
    rivals={"count": 12, "rank": 4, "width": 160},
    rival_ranks=(8,),
    projected={"count": 16, "rank": 4, "width": 160},
    held_in=12,
    eigen_rank=16,
    large={"count": 24, "rank": 8, "width": 512},
    large_rank=16,
    large_modules=2,
    rounds=2,
    limit_seconds=60.0,
)


def main() -> None:
    """Measure, print and, for full sizes, keep the sections in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small shapes, nothing is kept")
    parser.add_argument("--long", action="store_true", help="also eight modules of 500 adapters")
    parser.add_argument("--threads", type=int, default=None, help="PyTorch threads (all cores by default)")
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    sizes = QUICK if chosen.quick else FULL
    keep(TITLE, [*heading(sizes), *sections(sizes), *gpu_sections(sizes)], is_kept=not chosen.quick)
    if chosen.long:
        lines = kernels_families.large_pool_report(
            shape=sizes.large, rank=sizes.large_rank, modules=sizes.large_modules
        )
        keep(LONG_TITLE, [*heading(sizes), *lines], is_kept=not chosen.quick)


def heading(sizes: Sizes) -> list[str]:
    """Machine, versions, calibration rows, and how the figures came about."""
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine('torch', 'peft', 'numpy', 'tensorly', 'vlora-dev')}",
        "",
        calibration(),
        "",
        calibration_of("cpu")[0],
        "",
        f"Medians of {sizes.rounds} alternating runs; slow originals once, in a process of their own, ended after "
        f"{sizes.limit_seconds:.0f} s. Errors are mean squared relative errors. Peak is what the work added to memory.",
        "",
    ]


def sections(sizes: Sizes) -> list[str]:
    """All sections on the CPU."""
    bound = {"rounds": sizes.rounds, "limit_seconds": sizes.limit_seconds}
    return [
        *canonical_report(sizes, "cpu"),
        *kernels_merging.report(shape=sizes.merging, rank=sizes.merging["rank"], **bound),
        *kernels_families.jd_report(shape=sizes.joint, ranks=sizes.joint_ranks, rounds=sizes.rounds),
        *kernels_families.large_pool_report(shape=sizes.large, rank=sizes.large_rank, modules=1),
        *kernels_families.tensorly_report(shape=sizes.rivals, ranks=sizes.rival_ranks, **bound),
        *(
            line
            for rank in sizes.rival_ranks
            for line in kernels_families.vlora_report(shape=sizes.projected, held_in=sizes.held_in, rank=rank, **bound)
        ),
        *kernels_families.eigen_report(shape=sizes.joint, rank=sizes.eigen_rank, **bound),
    ]


def gpu_sections(sizes: Sizes) -> list[str]:
    """The same work on the GPU, against its memory bandwidth; one line where there is none."""
    if not torch.cuda.is_available():
        return ["No GPU in this machine: its rows are left out.", ""]
    line, bytes_per_second = calibration_of("cuda")
    return [
        "### GPU",
        "",
        line,
        "",
        *canonical_report(sizes, "cuda", bytes_per_second),
        *kernels_merging.report_on_gpu(
            shape=sizes.merging, rank=sizes.merging["rank"], rounds=sizes.rounds, bytes_per_second=bytes_per_second
        ),
        *kernels_families.jd_report(
            shape=sizes.joint,
            ranks=sizes.joint_ranks,
            rounds=sizes.rounds,
            device="cuda",
            bytes_per_second=bytes_per_second,
        ),
    ]


def canonical_report(sizes: Sizes, device: str, bytes_per_second: float = 0.0) -> list[str]:
    """The thin forms of a pool."""
    shape = sizes.canonical
    updates = lora_pool(**shape, device=device)
    name = f"{shape['count']} adapters, r = {shape['rank']}, d = {shape['width']}"
    rows = side_by_side({name: here(lambda: thin_forms(updates), device=device)}, rounds=sizes.rounds)
    remark = ""
    if bytes_per_second:
        moved = 2 * sum(update.A.numel() + update.B.numel() for update in updates) * 4
        remark = f"{rows[name].wall_seconds / (moved / bytes_per_second):.0f}x the time to read and write the factors"
    return [f"### Canonical thin form, {device}", "", *table(rows, {name: remark}), ""]


def keep(title: str, lines: list[str], *, is_kept: bool) -> None:
    """Record the lines, or only print those of a smoke run."""
    if is_kept:
        record(title, lines)
    else:
        print("\n".join([title, "", *lines]))


if __name__ == "__main__":
    main()
