"""From numbers to places on a picture, and what stands at its edges."""

import math
from collections.abc import Callable
from dataclasses import dataclass

LETTER_WIDTH = 7
_UNITS = ("B", "kB", "MB", "GB")


@dataclass(frozen=True)
class Label:
    """A text at a place."""

    x: int
    y: int
    text: str


def linear(first: float, last: float, start: float, end: float, *, least: float) -> Callable[[float], float]:
    """The place of a value between ``start`` (at ``first``) and ``end``; the span counts as ``least`` at least."""
    span = max(last - first, least)

    def place(value: float) -> float:
        return round(start + (end - start) * (value - first) / span, 1)

    return place


def nice_ceiling(value: float) -> int:
    """The next 1, 2 or 5 times a power of ten that is not below ``value``; 1 at least."""
    if value <= 1:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(int(step * power) for step in (1, 2, 5, 10) if step * power >= value)


def as_bytes(amount: float) -> str:
    """Bytes with three digits and a unit, for an axis: ``1.43 MB``."""
    for unit in _UNITS:
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def shortened(text: str, letters: int) -> str:
    """The end of a text that is too long, after an ellipsis: names of modules differ at their ends."""
    return text if len(text) <= letters else "…" + text[1 - letters :]


def finite(value: object) -> float:
    """A number of a JSON value; 0 for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else 0.0  # type: ignore[arg-type]
