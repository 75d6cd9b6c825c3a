"""Tells whoever listens that something happened, with a number and a few plain labels.

The hub connects its metrics here; without a listener nothing happens. Labels come from closed sets: kinds, states,
operations and codes, never names that people chose.
"""

from collections.abc import Callable

Observer = Callable[[str, float, dict[str, str]], None]
_observers: list[Observer] = []


def observe(event: str, amount: float = 1, /, **labels: str) -> None:
    """``event`` happened; ``amount`` is how often, or for how many seconds."""
    for observer in _observers:
        observer(event, amount, labels)


def connect(observer: Observer) -> None:
    """From now on call ``observer`` with every event, once however often it is connected."""
    if observer not in _observers:
        _observers.append(observer)
