"""The trade-off of a family: bytes and error at other ranks, measured on a few modules spread over the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from workers.families.sizes import ModuleSize, Sizing

_MOST_RANK = 256


def sampled(modules: Sequence[ModuleSize], count: int) -> list[ModuleSize]:
    """Up to ``count`` modules, evenly spread, in their order."""
    if len(modules) <= count:
        return list(modules)
    step = len(modules) / count
    return [modules[int((place + 0.5) * step)] for place in range(count)]


def curve_ranks(modules: Sequence[ModuleSize], rank: int | None) -> list[int]:
    """Powers of two up to where nothing is missed, and the rank itself."""
    most = max((min(sum(module.ranks), module.d_out, module.d_in) for module in modules), default=1)
    most = min(most, _MOST_RANK)
    found = {most} | {1 << power for power in range(most.bit_length()) if 1 << power < most}
    return sorted(found | ({rank} if rank is not None and rank <= most else set()))


def curve_of(sizing: Sizing, ranks: Sequence[int], reports: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A point for each rank: bytes of the whole family, and the error of the modules that were tried.

    ``mean_error`` is the mean over modules of the mean over members; ``worst_error`` the mean over modules of the
    member that fares worst.
    """
    tried = [report["curve"] for report in reports.values() if len(report.get("curve") or ()) == len(ranks)]
    if not tried:
        return []
    points = []
    for place, rank in enumerate(ranks):
        points.append(
            {
                "rank": rank,
                "bytes": sizing.bytes_at(rank),
                "mean_error": sum(curve[place][0] for curve in tried) / len(tried),
                "worst_error": sum(curve[place][1] for curve in tried) / len(tried),
                "modules": len(tried),
            }
        )
    return points
