"""The update of a whole adapter in two numbers, out of the spectrum of its modules."""

import math
from collections.abc import Mapping
from typing import Any


def norm_of(facts: Mapping[str, Any]) -> float | None:
    """Frobenius norm of all updates together, three digits; None where no spectrum was measured."""
    norms = _numbers(facts, "norm")
    return _rounded(math.sqrt(math.fsum(value**2 for value in norms))) if norms else None


def mean_effective_rank(facts: Mapping[str, Any]) -> float | None:
    """Effective rank in the mean of all modules, three digits; None where no spectrum was measured."""
    ranks = _numbers(facts, "effective_rank")
    return _rounded(math.fsum(ranks) / len(ranks)) if ranks else None


def _numbers(facts: Mapping[str, Any], key: str) -> list[float]:
    spectrum = facts.get("spectrum")
    rows = spectrum.get("modules") if isinstance(spectrum, dict) else None
    values: list[Any] = (
        [row.get(key) for row in rows.values() if isinstance(row, dict)] if isinstance(rows, dict) else []
    )
    return [float(value) for value in values if _is_number(value)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
