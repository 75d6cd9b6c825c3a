"""A dry run in few numbers: one row for each module, matrices for the whole adapter."""

import re
from collections.abc import Sequence
from typing import Any

from kernels.merging import MergePreview
from workers.derivations.members import Member

_PLACES, _PLACE = re.compile(r"\bAdapters? (?P<places>\d+(?: and \d+)?)"), re.compile(r"\d+")


def summary_of(found: MergePreview, members: Sequence[Member]) -> dict[str, Any]:
    """Of every parent its norm, of every pair cosine and overlap over all modules, and one row for each module.

    Overlaps are means over modules, weighted by the product of the two norms. Numbers have six digits.
    """
    count = len(members)
    squares = [0.0] * count
    products, sizes = _matrix(count), _matrix(count)
    overlaps = {"overlap_in": _matrix(count), "overlap_out": _matrix(count)}
    rows = {}
    for name, module in found.modules.items():
        for row, left in enumerate(module.places):
            squares[left] += module.norms[row] ** 2
            for column, right in enumerate(module.places):
                size = module.norms[row] * module.norms[column]
                sizes[left][right] += size
                products[left][right] += module.cosines[row][column] * size
                overlaps["overlap_in"][left][right] += module.overlaps_in[row][column] * size
                overlaps["overlap_out"][left][right] += module.overlaps_out[row][column] * size
        rows[name] = {
            "norms": {
                members[place].name: _short(norm) for place, norm in zip(module.places, module.norms, strict=True)
            },
            "sum_norm": _short(module.sum_norm),
            "sign_conflict": _short(module.sign_conflict),
        }
    norms = [square**0.5 for square in squares]
    return {
        "parents": [{"name": member.name, "norm": _short(norm)} for member, norm in zip(members, norms, strict=True)],
        "cosines": [[_ratio(products[i][j], norms[i] * norms[j]) for j in range(count)] for i in range(count)],
        **{
            key: [[_ratio(table[i][j], sizes[i][j]) for j in range(count)] for i in range(count)]
            for key, table in overlaps.items()
        },
        "sign_conflict": _mean_conflict(found),
        "warnings": [in_words(warning, members) for warning in found.warnings],
        "modules": rows,
    }


def _mean_conflict(found: MergePreview) -> float:
    weights = [sum(module.norms) for module in found.modules.values()]
    conflicts = [module.sign_conflict for module in found.modules.values()]
    return _ratio(sum(w * c for w, c in zip(weights, conflicts, strict=True)), sum(weights))


def in_words(text: str, members: Sequence[Member]) -> str:
    """`Adapter 0`, `Adapters 0 and 1` of the kernels by their names."""
    return _PLACES.sub(lambda found: _PLACE.sub(lambda place: members[int(place[0])].name, found["places"]), text)


def _matrix(count: int) -> list[list[float]]:
    return [[0.0] * count for _ in range(count)]


def _ratio(value: float, size: float) -> float:
    return _short(value / size) if size > 0.0 else 0.0


def _short(value: float) -> float:
    return float(f"{value:.6g}")
