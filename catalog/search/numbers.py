"""Numbers of the search language: ``16``, ``<=16``, ``4..16``, sizes with units, shares as ``0.9`` or ``90%``."""

import re
from dataclasses import dataclass

from catalog.search.vocabulary import NUMBER, SHARE, SIZE

_COMPARED = re.compile(r"(<=|>=|<|>|=)?(.+)", re.DOTALL)
_FIGURE = re.compile(r"[+-]?(\d{1,15}(\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_SIZED = re.compile(r"(?P<figure>[\d.]+)\s*(?P<unit>[kmgt]?i?b?)", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


@dataclass(frozen=True)
class Span:
    """From ``low`` to ``high``; None is no bound, an open bound is itself not meant."""

    low: float | None = None
    high: float | None = None
    is_low_open: bool = False
    is_high_open: bool = False

    def meet(self, other: "Span") -> "Span":
        """What lies in both, where no end is open."""
        lows = [low for low in (self.low, other.low) if low is not None]
        highs = [high for high in (self.high, other.high) if high is not None]
        return Span(max(lows, default=None), min(highs, default=None))

    @property
    def is_empty(self) -> bool:
        """Whether no number can lie in it."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.is_low_open or self.is_high_open))


def span_of(text: str, kind: str) -> Span | None:
    """What ``text`` means, None where it is no number of this kind (``number``, ``size`` or ``share``)."""
    if ".." in text:
        ends = [part.strip(" .") for part in text.split("..", 1)]
        low, high = (_figure(end, kind) if end else None for end in ends)
        is_wrong = any(end and bound is None for end, bound in zip(ends, (low, high), strict=True))
        return None if is_wrong or low is high is None else Span(low, high)
    compared = _COMPARED.fullmatch(text.strip())
    value = _figure(compared.group(2).strip(), kind) if compared else None
    if compared is None or value is None:
        return None
    match compared.group(1):
        case "<=":
            return Span(high=value)
        case "<":
            return Span(high=value, is_high_open=True)
        case ">=":
            return Span(low=value)
        case ">":
            return Span(low=value, is_low_open=True)
    return Span(value, value)


def _figure(text: str, kind: str) -> float | None:
    if kind == SIZE:
        found = _SIZED.fullmatch(text)
        if found is None or not _FIGURE.fullmatch(found["figure"]):
            return None
        unit = found["unit"].lower()
        units = _BINARY_UNITS if "i" in unit else _UNITS
        scale = units.get(unit.rstrip("ib"))
        return None if scale is None else round(float(found["figure"]) * scale)
    percent = kind == SHARE and text.endswith("%")
    figure = text.removesuffix("%").strip() if percent else text
    if not _FIGURE.fullmatch(figure) or (kind == NUMBER and not figure.lstrip("+-").isdigit()):
        return None
    if kind == NUMBER:
        return int(figure)
    return round(float(figure) / 100, 12) if percent else float(figure)
