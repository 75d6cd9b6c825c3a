"""A generated family of many adapters, compressed from files module by module: time, peak memory and bytes."""

import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

RANK, SHARED, PLANTED = 8, 32, 24
MODULES, ITERATIONS = 24, 30


def generated_report(*, count: int, width: int) -> list[str]:
    """`count` adapters of `width` x `width` and 24 modules; the peak after each third of the modules."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        in_a_child(generate, folder, count, width)
        found = in_a_child(_compress, folder, count, width)
    peaks = ", ".join(f"{peak / 1e6:.0f} MB after {at}" for at, peak in found["peaks"])
    original, stored = found["original_bytes"], found["basis_bytes"] + found["member_bytes"]
    return [
        f"### {count} generated adapters of rank {RANK}, {width} x {width} x {MODULES} modules",
        "",
        f"Half of every update lies in {PLANTED} directions that all share. Read by module, JD-Full with k = {SHARED} "
        f"and at most {ITERATIONS} iterations, written as a basis "
        f"and {count} files of coefficients in float16: **{found['seconds']:.1f} s**, peak memory {peaks} modules "
        f"({found['empty'] / 1e6:.0f} MB of it before the first), {original / 1e6:.1f} MB -> {stored / 1e6:.1f} MB "
        f"({original / stored:.1f}x; one pull {original / found['member_bytes']:.0f}x), mean squared error "
        f"{found['error']:.3f}.",
    ]


def in_a_child(work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work` returns, computed in a process of its own, so that its peak is its own."""
    ours, theirs = get_context("spawn").Pipe(duplex=False)
    child = get_context("spawn").Process(target=_run, args=(theirs, work, arguments))
    child.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        child.join()


def _run(answer: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    import torch

    torch.set_num_threads(2)
    answer.send(work(*arguments))


def generate(folder: Path, count: int, width: int) -> None:
    """Write so many PEFT folders, named by number, whose updates share directions."""
    import torch

    from kernels.lowrank import LowRankUpdate
    from kernels.lowrank_io import save_lora

    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    shared = [(normal(width, PLANTED), normal(PLANTED, width)) for _ in range(MODULES)]
    for place in range(count):
        adapter = {}
        for module, (U, V) in enumerate(shared):
            B, A = (
                U @ normal(PLANTED, RANK) / 5 + normal(width, RANK),
                normal(RANK, PLANTED) @ V / 5 + normal(RANK, width),
            )
            adapter[f"layers.{module}.q_proj"] = LowRankUpdate(A / 32, B / 32)
        save_lora(adapter, folder / str(place), base_model="generated")


def _compress(folder: Path, count: int, width: int) -> dict[str, object]:
    from functools import partial

    from kernels.families.files import write_basis, write_member
    from kernels.families.jd_full import jd_full
    from kernels.families.stored import Coefficients, StoredBasis, StoredMember, StoredModule, project_module
    from kernels.families.streaming import fit_modules
    from kernels.lowrank import LowRankUpdate
    from kernels.lowrank_io import load_updates

    def load(module: str) -> list[LowRankUpdate]:
        return [load_updates(folder / str(place), modules=[module])[module] for place in range(count)]

    empty, started = _peak(), time.perf_counter()
    modules = [f"layers.{module}.q_proj" for module in range(MODULES)]
    kept: dict[str, StoredModule] = {}
    coefficients: list[dict[str, Coefficients]] = [{} for _ in range(count)]
    errors, peaks = [], []
    for done, (module, fit) in enumerate(
        fit_modules(modules, load, partial(jd_full, rank=SHARED, max_iterations=ITERATIONS)), start=1
    ):
        kept[module] = StoredModule(width, width, (fit.basis,))
        alone = StoredBasis("jd_full", "generated", {module: kept[module]})
        for place, found in enumerate(project_module(alone, module, load(module))):
            coefficients[place][module] = found
        errors.append(fit.mean_relative_squared_error)
        if done % (MODULES // 3) == 0:
            peaks.append((done, _peak()))
    basis = write_basis(folder / "basis.safetensors", StoredBasis("jd_full", "generated", kept))
    written = [
        write_member(folder / f"{place}.safetensors", basis, StoredMember(found))
        for place, found in enumerate(coefficients)
    ]
    return {
        "seconds": time.perf_counter() - started,
        "peaks": peaks,
        "empty": empty,
        "error": sum(errors) / len(errors),
        "basis_bytes": basis.size_bytes,
        "member_bytes": sum(member.size_bytes for member in written),
        "original_bytes": sum(path.stat().st_size for path in folder.glob("*/*")),
    }


def _peak() -> int:
    """The most that this program has held, in bytes: the kernel's figure of rusage would count its parent too."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
