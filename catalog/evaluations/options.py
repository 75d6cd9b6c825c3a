"""How an evaluation is run, as somebody asks for it: checked, and complete with the usual values."""

from typing import Any

from catalog.errors import InvalidInput

# Name: usual value, least, most. None stands for "the harness finds it".
_NUMBERS: dict[str, tuple[int | None, int, int]] = {
    "seed": (0, 0, (1 << 32) - 1),
    "limit": (None, 1, 1 << 31),
    "batch_size": (None, 1, 1024),
    "max_tokens": (None, 1, 8192),
}
_TRUTHS = {"with_probe": False, "efficiency": True, "analysis": False}
# What decides a score: two evaluations that agree in these and in their subject should agree in every answer.
DECISIVE = ("seed", "limit", "max_tokens", "with_probe")


def read_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings in full. Raises InvalidInput (``unknown_field``, a wrong type, out of range)."""
    known = ", ".join(sorted([*_NUMBERS, *_TRUTHS]))
    for name in given:
        if name not in _NUMBERS and name not in _TRUTHS:
            raise InvalidInput("unknown_field", f"no setting {name[:80]!r}", field="settings", hint=known)
    numbers = {name: _number(name, given.get(name)) for name in _NUMBERS}
    return numbers | {name: _truth(name, given.get(name)) for name in _TRUTHS}


def _number(name: str, value: Any) -> int | None:
    usual, least, most = _NUMBERS[name]
    if value is None:
        return usual
    if type(value) is not int or not least <= value <= most:
        detail = f"{name} is {value!r:.80}; it must be a whole number from {least} to {most}"
        raise InvalidInput(detail=detail, field="settings")
    return value


def _truth(name: str, value: Any) -> bool:
    if value is None:
        return _TRUTHS[name]
    if not isinstance(value, bool):
        raise InvalidInput(detail=f"{name} is {value!r:.80}; it must be true or false", field="settings")
    return value
