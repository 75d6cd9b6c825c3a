"""Ranges as facets and filters write them, ``low..high`` with both ends in it: read, and said for people."""

import re

from django.utils.translation import gettext

from frontend.templatetags.hub import signed, size

_BAND = re.compile(r"-?[\d.]*\.\.-?[\d.]*")


def bounds_of(value: str) -> tuple[float | None, float | None]:
    """Both ends of a number or a range; None where it is open: ``"16"`` is 16 to 16, ``"..0"`` ends at 0."""
    low, separator, high = value.partition("..")
    return _number(low), _number(high if separator else low)


def size_band(value: str) -> str:
    """``1000000..9999999`` as ``1 MB to 10 MB``; what somebody typed otherwise stays as it is."""
    if not _BAND.fullmatch(value):
        return value
    low, high = bounds_of(value)
    if low is None or high is None:
        end = _size(high + 1 if high is not None else low)
        return gettext("up to %s") % end if low is None else gettext("from %s") % end
    return gettext("%(low)s to %(high)s") % {"low": _size(low), "high": _size(high + 1)}


def gain_band(value: str) -> str:
    """``0.050001..0.1`` as ``+0.05 to +0.1``; ``..0`` as ``no gain``; what somebody typed otherwise stays as it is."""
    if not _BAND.fullmatch(value):
        return value
    low, high = bounds_of(value)
    if low is None:
        return gettext("no gain")
    if high is None:
        return gettext("over %s") % _rounded(low)
    return gettext("%(low)s to %(high)s") % {"low": _rounded(low), "high": _rounded(high)}


def _size(value: float | None) -> str:
    return size(value).replace(".0 ", " ")


def _rounded(value: float) -> str:
    return signed(value).rstrip("0").rstrip(".") if abs(value) >= 0.001 else "0"


def _number(text: str) -> float | None:
    if not text:
        return None
    return int(text) if text.lstrip("-").isdecimal() else float(text)
