"""Merging 8 LoRAs of one 4096 x 4096 module beside PEFT and beside a randomised SVD of the dense sum."""

from typing import Any

import torch

from benchmarks.kernels_measuring import Contender, Measured, bounded, here, side_by_side, table, times_faster
from benchmarks.kernels_pools import lora_pool
from kernels.lowrank import LowRankUpdate
from kernels.merging import merge
from kernels.reduction import distance

_DENSITY = 0.5


def report(*, shape: dict[str, Any], rank: int, rounds: int, limit_seconds: float) -> list[str]:
    """Lines of Markdown for svd and ties_svd on the CPU."""
    title = (
        f"### Merging {shape['count']} LoRAs, r = {shape['rank']}, {shape['width']} x {shape['width']}, to rank {rank}"
    )
    lines = [title, ""]
    for method, density in (("svd", None), ("ties_svd", _DENSITY)):
        lines += [*_against_peft(method, density, shape, rank, rounds, limit_seconds), ""]
    return lines


def report_on_gpu(*, shape: dict[str, Any], rank: int, rounds: int, bytes_per_second: float) -> list[str]:
    """The same two merges on the GPU beside torch.svd_lowrank; svd against the time to read its factors once."""
    updates = lora_pool(**shape, device="cuda")
    contenders = {
        "svd": here(lambda: _merged(updates, "svd", rank, None), device="cuda"),
        "ties_svd": here(lambda: _merged(updates, "ties_svd", rank, _DENSITY), device="cuda"),
        "torch.svd_lowrank of the dense sum": here(lambda: _dense_route(updates, rank), device="cuda"),
    }
    rows = side_by_side(contenders, rounds=rounds)
    moved = sum(update.A.numel() + update.B.numel() for update in updates) * 4
    limit = moved / bytes_per_second
    remarks = {"svd": f"{rows['svd'].wall_seconds / limit:.0f}x the time to read the factors once"}
    return [
        f"### Merging on the GPU, {shape['count']} x r {shape['rank']} x {shape['width']}",
        "",
        *table(rows, remarks),
        "",
    ]


def _against_peft(
    method: str, density: float | None, shape: dict[str, Any], rank: int, rounds: int, limit_seconds: float
) -> list[str]:
    updates = lora_pool(**shape)
    theirs = f"PEFT {method}"
    contenders: dict[str, Contender] = {
        f"{method} in factor space" if density is None else f"{method} in row blocks": here(
            lambda: _merged(updates, method, rank, density)
        ),
        theirs: bounded(
            "peft_merge", shape=shape, method=method, rank=rank, density=density, limit_seconds=limit_seconds
        ),
    }
    if density is None:
        contenders["torch.svd_lowrank of the dense sum"] = here(lambda: _dense_route(updates, rank))
    rows = side_by_side(contenders, rounds=rounds)
    ours = next(iter(rows))
    remarks = {ours: f"{times_faster(rows[theirs], rows[ours])} PEFT" + _versus_dense(rows, ours)}
    if not rows[theirs].failure:
        remarks[theirs] = f"products differ by {_difference(rows[ours], rows[theirs]):.1e} of the norm"
    return table(rows, remarks)


def _versus_dense(rows: dict[str, Measured], ours: str) -> str:
    dense = rows.get("torch.svd_lowrank of the dense sum")
    return f", {dense.wall_seconds / rows[ours].wall_seconds:.1f}x svd_lowrank" if dense else ""


def _difference(ours: Measured, theirs: Measured) -> float:
    A, B = (torch.from_numpy(half) for half in theirs.value)
    return distance(ours.value, LowRankUpdate(A, B)) / ours.value.norm()


def _merged(updates: list[LowRankUpdate], method: str, rank: int, density: float | None) -> LowRankUpdate:
    weights = [1.0 / len(updates)] * len(updates)
    options: dict[str, Any] = {"rank": rank, "compat": "peft"} | ({} if density is None else {"density": density})
    return merge([{"q": update} for update in updates], method=method, weights=weights, **options).adapter["q"]


def _dense_route(updates: list[LowRankUpdate], rank: int) -> LowRankUpdate:
    dense = torch.zeros(updates[0].d_out, updates[0].d_in, device=updates[0].device)
    for update in updates:
        dense.addmm_(update.B, update.A, alpha=1.0 / len(updates))
    U, S, V = torch.svd_lowrank(dense, q=rank + 8, niter=4)
    return LowRankUpdate(V[:, :rank].T.contiguous(), U[:, :rank] * S[:rank])
