"""Joint compression and shared subspaces beside tensorly, vlora-dev and the d x d eigendecomposition."""

from typing import Any

import torch

from benchmarks.kernels_measuring import Measured, bounded, here, measure, seconds, side_by_side, table, times_faster
from benchmarks.kernels_pools import planted_pool
from kernels.families.eigenlora import eigenlora
from kernels.families.jd_full import jd_full
from kernels.lowrank import LowRankUpdate

_MODULES = 96  # q, k and v of 32 layers


def jd_report(
    *,
    shape: dict[str, Any],
    ranks: tuple[int, ...],
    rounds: int,
    device: str = "cpu",
    bytes_per_second: float | None = None,
) -> list[str]:
    """JD-Full of one module at several ranks; with a bandwidth, against reading the factors once an iteration."""
    updates = planted_pool(**shape, device=device)
    rows = side_by_side(
        {f"JD-Full k = {rank}": here(lambda rank=rank: jd_full(updates, rank=rank), device=device) for rank in ranks},
        rounds=rounds,
    )
    remarks = {name: _jd_remark(row, updates) for name, row in rows.items()}
    if bytes_per_second:
        stored = sum(update.A.numel() + update.B.numel() for update in updates) * 4
        for name, row in rows.items():
            limit = stored * len(row.value.captured) / bytes_per_second
            remarks[name] += f", {row.wall_seconds / limit:.0f}x the time to read the factors once an iteration"
    return [f"### JD-Full of one module, {_named(shape)}, {device}", "", *table(rows, remarks), ""]


def large_pool_report(*, shape: dict[str, Any], rank: int, modules: int) -> list[str]:
    """JD-Full of `modules` modules one after the other, and what 96 would take at that speed.

    On all threads, and on one: threads that wait for each other cost processor time.
    """
    lines = [f"### JD-Full k = {rank}, {_named(shape)}", ""]
    with_all = torch.get_num_threads()
    for threads in sorted({with_all, 1}, reverse=True):
        torch.set_num_threads(threads)
        try:
            lines += _large_pool_rows(shape, rank, modules, f"{threads} thread{'s' if threads > 1 else ''}")
        finally:
            torch.set_num_threads(with_all)
    return lines


def _large_pool_rows(shape: dict[str, Any], rank: int, modules: int, how: str) -> list[str]:
    runs, remarks = {}, {}
    for module in range(modules):
        updates = planted_pool(**{**shape, "seed": shape.get("seed", 0) + module})
        run = measure(lambda: jd_full(updates, rank=rank))  # noqa: B023
        runs[f"module {module}, {how}"], remarks[f"module {module}, {how}"] = run, _jd_remark(run, updates)
    wall, cpu = sum(run.wall_seconds for run in runs.values()), sum(run.cpu_seconds for run in runs.values())
    total = (
        f"{modules} modules on {how} took {seconds(wall)}, {cpu:.1f} CPU-s ({cpu / modules:.2f} a module); predicted "
        f"for {_MODULES}: {wall / modules * _MODULES / 60:.1f} min, {cpu / modules * _MODULES / 60:.1f} CPU-min, "
        "without reading files."
    )
    return [*table(runs, remarks), "", total, ""]


def tensorly_report(*, shape: dict[str, Any], ranks: tuple[int, ...], rounds: int, limit_seconds: float) -> list[str]:
    """JD-Full and tensorly's partial_tucker: time, and mean squared relative error over the pool."""
    updates = planted_pool(**shape)
    lines = [
        f"### JD-Full and tensorly.partial_tucker, {_named(shape)}, half with one initial A",
        "",
        "tensorly on its PyTorch backend, started by randomized_svd.",
        "",
    ]
    for rank in ranks:
        theirs = f"tensorly k = {rank}"
        ours = f"JD-Full k = {rank}"
        rows = side_by_side(
            {
                ours: here(lambda rank=rank: jd_full(updates, rank=rank)),
                theirs: bounded("tensorly_tucker", shape=shape, rank=rank, limit_seconds=limit_seconds),
            },
            rounds=rounds,
        )
        fit = rows[ours].value
        remarks = {
            ours: f"error {fit.mean_relative_squared_error:.6f}, {times_faster(rows[theirs], rows[ours])} tensorly"
        }
        if not rows[theirs].failure:
            ratio = fit.mean_relative_squared_error / rows[theirs].value
            remarks[theirs] = f"error {rows[theirs].value:.6f}; ours is {ratio:.5f} of it"
        lines += [*table(rows, remarks), ""]
    return lines


def vlora_report(
    *, shape: dict[str, Any], held_in: int, rank: int, rounds: int, limit_seconds: float
) -> list[str]:  # fmt: skip
    """JD-Full and vlora-dev at equal bytes: errors of adapters in the fit and of adapters projected afterwards."""
    updates = planted_pool(**shape)
    components = _equal_components(shape, held_in, rank)
    ours, theirs = f"JD-Full k = {rank}", f"vlora-dev k = {components}"
    rows = side_by_side(
        {
            ours: here(lambda: jd_full(updates[:held_in], rank=rank)),
            theirs: bounded(
                "vlora", shape=shape, held_in=held_in, components=components, is_once=False, limit_seconds=limit_seconds
            ),
        },
        rounds=rounds,
    )
    fit = rows[ours].value
    projected = [fit.basis.project(update).relative_squared_error for update in updates[held_in:]]
    held_in_error = fit.mean_relative_squared_error
    remarks = {ours: _errors(held_in_error, sum(projected) / len(projected), fit.size_bytes())}
    if not rows[theirs].failure:
        remarks[theirs] = _errors(*rows[theirs].value)
    title = f"### JD-Full and vlora-dev at equal bytes, {_named(shape)}, {held_in} held in, the rest projected"
    return [title, "", *table(rows, remarks), ""]


def eigen_report(*, shape: dict[str, Any], rank: int, rounds: int, limit_seconds: float) -> list[str]:
    """EigenLoRAx's subspaces from factors, and by the eigenvectors of d x d matrices."""
    updates = planted_pool(**shape)
    ours, theirs = f"EigenLoRAx K = {rank}, canonical form and loadings included", "two d x d eigendecompositions alone"
    rows = side_by_side(
        {
            ours: here(lambda: eigenlora(updates, components=rank)),
            theirs: bounded("wide_eigen_route", shape=shape, rank=rank, limit_seconds=limit_seconds),
        },
        rounds=rounds,
    )
    fit = rows[ours].value
    kept = f"energy kept {fit.basis.energy_B:.6f} and {fit.basis.energy_A:.6f}"
    remarks = {ours: f"{times_faster(rows[theirs], rows[ours])} the d x d route, {kept}"}
    if not rows[theirs].failure:
        remarks[theirs] = "energy kept {:.6f} and {:.6f}".format(*rows[theirs].value)
    return [f"### EigenLoRAx, {_named(shape)}", "", *table(rows, remarks), ""]


def _equal_components(shape: dict[str, Any], held_in: int, rank: int) -> int:
    """The most components of vlora-dev, mean counted, within JD-Full's bytes; at least one."""
    sides = 2 * shape["width"]
    floats = rank * sides + held_in * rank**2
    return max(1, (floats - shape["rank"] * sides) // (shape["rank"] * sides + 2 * held_in))


def _errors(held_in: float, projected: float, size_bytes: int) -> str:
    return f"error held in {held_in:.4f}, projected {projected:.4f}, {size_bytes / 1e6:.2f} MB"


def _jd_remark(row: Measured, updates: list[LowRankUpdate]) -> str:
    fit = row.value
    stored = sum(update.A.numel() + update.B.numel() for update in updates) * 4
    return (
        f"error {fit.mean_relative_squared_error:.4f}, {len(fit.captured) - 1} iterations, "
        f"peak {row.peak_bytes / stored:.1f}x the factors, {stored / fit.size_bytes():.1f}x smaller"
    )


def _named(shape: dict[str, Any]) -> str:
    return f"N = {shape['count']}, r = {shape['rank']}, d = {shape['width']}"
