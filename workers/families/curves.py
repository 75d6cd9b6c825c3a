"""The trade-off of a family: bytes and error at other ranks, measured on a few modules spread over the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from workers.families.sizes import ModuleSize, Sizing

_MOST_RANK = 128
_MOST_MODULES, _MOST_LARGE_MODULES = 4, 2
_LARGE = 1 << 21  # values of one module's factors, from which a fit takes seconds


def sampled(modules: Sequence[ModuleSize], count: int) -> list[ModuleSize]:
    """Up to ``count`` modules, evenly spread, in their order."""
    if len(modules) <= count:
        return list(modules)
    step = len(modules) / count
    return [modules[int((place + 0.5) * step)] for place in range(count)]


def curve_modules(modules: Sequence[ModuleSize], method: str) -> set[str]:
    """Names of the modules on which other ranks are tried: fewer where each try takes long."""
    is_slow = method == "jd_diag" or any(sum(one.ranks) * (one.d_out + one.d_in) > _LARGE for one in modules)
    return {module.name for module in sampled(modules, _MOST_LARGE_MODULES if is_slow else _MOST_MODULES)}


def curve_ranks(modules: Sequence[ModuleSize], rank: int | None) -> list[int]:
    """Powers of two up to where nothing is missed, or to twice the rank, and the rank itself."""
    most = max((min(sum(module.ranks), module.d_out, module.d_in) for module in modules), default=1)
    most = min(most, max(_MOST_RANK, 2 * (rank or 0)))
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
