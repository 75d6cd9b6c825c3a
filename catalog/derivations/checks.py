"""Checks of single settings: each takes a name and a value, gives the value, and raises InvalidInput."""

from collections.abc import Callable
from typing import Any

from catalog.errors import InvalidInput

Check = Callable[[str, Any], Any]


def one_of(*known: str) -> Check:
    """One of these words."""

    def check(name: str, value: Any) -> str:
        if value not in known:
            raise wrong(name, value, f"one of {', '.join(known)}")
        return str(value)

    return check


def whole(least: int, most: int) -> Check:
    """A whole number in this range."""

    def check(name: str, value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise wrong(name, value, f"a whole number from {least} to {most}")
        return value

    return check


def number(least: float, most: float) -> Check:
    """A number in this range, ends included."""

    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise wrong(name, value, f"a number from {least:g} to {most:g}")
        return float(value)

    return check


def share(name: str, value: Any) -> float:
    """A number above 0, at most 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise wrong(name, value, "a number above 0, at most 1")
    return float(value)


def truth(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(name, value, "true or false")
    return value


def refuse_unknown(given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raise InvalidInput ``unknown_field`` for the first setting that nobody knows."""
    for name in given:
        if name not in known:
            raise InvalidInput("unknown_field", f"no setting {name[:80]!r}", field="settings", hint=", ".join(known))


def wrong(name: str, value: Any, what: str) -> InvalidInput:
    """The refusal of a value, saying what it must be."""
    return InvalidInput(detail=f"{name} is {value!r:.80}; it must be {what}", field="settings")
