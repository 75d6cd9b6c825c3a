"""How a family is compressed, as somebody asks for it: checked, and complete with the usual values."""

from math import isfinite
from typing import Any

from catalog.errors import InvalidInput

METHODS = ("jd_full", "jd_diag", "clustered", "eigenlorax", "individual")
DTYPES = ("float32", "float16", "bfloat16", "int8", "int4", "int1")
QUEUES = ("cpu", "gpu")
# One of them says how large the basis is: shared rank k, bytes of everything, or the mean error of every module.
SIZES = ("rank", "bytes", "error")
# Compress then Serve (arXiv 2407.00066) keeps 99 % of the tasks' performance below this mean error; a member's own
# limit, and the usual size: the gate sees to what a family's tasks really bear.
MOST_MEMBER_ERROR = 0.6
USUAL_ERROR = 0.3
USUAL_DROP = 0.03

_CHOICES: dict[str, tuple[str, ...]] = {
    "method": METHODS,
    "dtype": DTYPES,
    "coefficients": DTYPES,
    "heads": ("as_they_are", *DTYPES),
    "queue": QUEUES,
}
_USUAL_CHOICE = {
    "method": "jd_full",
    "dtype": "float16",
    "coefficients": "float16",
    "heads": "as_they_are",
    "queue": "cpu",
}
# Name: usual value, least, most. None stands for "not given".
_WHOLE: dict[str, tuple[int | None, int, int]] = {
    "rank": (None, 1, 4096),
    "bytes": (None, 1, 1 << 50),
    "clusters": (None, 1, 1000),
    "member_rank": (None, 1, 4096),
    "seed": (0, 0, (1 << 32) - 1),
    "refit_after": (None, 1, 10_000),
}
_SHARES: dict[str, tuple[float | None, float, float]] = {
    "error": (None, 0.0, 1.0),
    "member_error": (MOST_MEMBER_ERROR, 0.0, 1.0),
    "largest_drop": (USUAL_DROP, 0.0, 1e9),
    "most_negative_flips": (None, 0.0, 1.0),
}
_WITHOUT_MEMBER_RANK = {
    "jd_diag": "a member is one diagonal",
    "individual": "its rank is the members' own already",
}
NAMES = (*_CHOICES, *_WHOLE, *_SHARES)


def read_options(given: dict[str, Any]) -> dict[str, Any]:
    """The options in full.

    ``dtype`` is how the basis is stored, ``coefficients`` and ``heads`` how a member's are. ``member_rank`` cuts every
    member's update to that rank before it is projected. ``member_error`` is the
    largest relative squared error with which a member is given out compressed; ``largest_drop`` and
    ``most_negative_flips`` are the limits of the gate, null for none. ``refit_after`` asks for the next basis by itself
    when so many members wait for one.

    Raises:
        InvalidInput: ``unknown_field``, a wrong type, out of range, more than one of rank, bytes and error,
            or ``member_rank`` for a method whose coefficients have no rank of their own.
    """
    for name in given:
        if name not in NAMES:
            known = ", ".join(sorted(NAMES))
            raise InvalidInput("unknown_field", f"no option {name[:80]!r}", field="options", hint=known)
    found: dict[str, Any] = {name: _choice(name, given.get(name)) for name in _CHOICES}
    found |= {name: _whole(name, given.get(name)) for name in _WHOLE}
    found |= {name: _share(name, given[name] if name in given else _SHARES[name][0]) for name in _SHARES}
    sizes = [name for name in SIZES if found[name] is not None]
    if len(sizes) > 1:
        raise InvalidInput(
            detail=f"{' and '.join(sizes)} were given", field="options", hint="Give one of rank, bytes and error."
        )
    if not sizes:
        found["error"] = USUAL_ERROR
    if found["method"] == "clustered":
        found["clusters"] = found["clusters"] or 2
    elif found["clusters"] is not None:
        raise InvalidInput(
            detail=f"{found['method']} has no clusters", field="options", hint="Choose the method clustered."
        )
    if found["member_rank"] is not None and found["method"] in _WITHOUT_MEMBER_RANK:
        why = _WITHOUT_MEMBER_RANK[found["method"]]
        raise InvalidInput(detail=f"{found['method']} takes no member_rank: {why}", field="options")
    return found


def _choice(name: str, value: Any) -> str:
    if value is None:
        return _USUAL_CHOICE[name]
    if value not in _CHOICES[name]:
        raise _wrong(name, value, f"one of {', '.join(_CHOICES[name])}")
    return str(value)


def _whole(name: str, value: Any) -> int | None:
    usual, least, most = _WHOLE[name]
    if value is None:
        return usual
    if type(value) is not int or not least <= value <= most:
        raise _wrong(name, value, f"a whole number from {least} to {most}")
    return value


def _share(name: str, value: Any) -> float | None:
    _, least, most = _SHARES[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise _wrong(name, value, f"a number from {least:g} to {most:g}")
    if not least <= value <= most:
        raise _wrong(name, value, f"a number from {least:g} to {most:g}")
    return float(value)


def _wrong(name: str, value: Any, what: str) -> InvalidInput:
    return InvalidInput(detail=f"{name} is {value!r:.80}; it must be {what}", field="options")
