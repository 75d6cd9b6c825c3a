"""What a basis came to: the error of each module, and a row for each member."""

from collections.abc import Mapping, Sequence
from typing import Any

from workers.families.members import MemberFile
from workers.families.sizes import ModuleSize

_DIGITS = 6


def report_of(modules: Sequence[ModuleSize], reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Rank, error and sides of every module, and the seconds that fitting took."""
    return {
        "modules": {
            module.name: {
                "rank": reports[module.name].get("rank", 0),
                "d_out": module.d_out,
                "d_in": module.d_in,
                "mean_error": _rounded(sum(reports[module.name]["errors"]) / len(module.ranks)),
                "worst_error": _rounded(max(reports[module.name]["errors"])),
            }
            for module in modules
        },
        "fit_seconds": round(sum(report.get("seconds") or 0.0 for report in reports.values()), 3),
    }


def member_rows(
    members: Sequence[MemberFile],
    modules: Sequence[ModuleSize],
    reports: Mapping[str, Mapping[str, Any]],
    written: Mapping[int, Mapping[str, Any]],
    clusters: Sequence[int],
) -> list[dict[str, Any]]:
    """A row for each member: its receipt, its bytes, and what the basis misses of it.

    Its error is ``sum ||D - D^||^2 / sum ||D||^2`` over its modules.
    """
    rows = []
    for member in members:
        own = [module.name for module in modules if module.name in member.pairs]
        errors = {name: reports[name]["errors"][member.place] for name in own}
        squares = {name: reports[name]["norms"][member.place] ** 2 for name in own}
        total = sum(squares.values())
        missed = sum(errors[name] * squares[name] for name in own)
        rows.append(
            {
                "revision_id": member.revision.pk,
                "cluster": clusters[member.place],
                "receipt": written[member.place]["receipt"],
                "is_zero": written[member.place]["is_zero"],
                "original_bytes": member.original_bytes,
                "relative_squared_error": missed / total if total else 0.0,
                "module_errors": {name: _rounded(error) for name, error in errors.items()},
            }
        )
    return rows


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
