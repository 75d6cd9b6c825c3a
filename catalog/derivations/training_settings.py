"""The settings of jobs that train, read strictly: names, kinds and bounds."""

from typing import Any

from catalog.derivations.checks import Check, number, refuse_unknown, truth, whole, wrong
from catalog.errors import InvalidInput

# Name: usual value, least, most. A whole number where the usual value is one.
_COMMON: dict[str, tuple[float, float, float]] = {
    "rank": (8, 1, 256),
    "epochs": (4, 1, 50),
    "batch_size": (16, 1, 256),
    "learning_rate": (3e-3, 1e-6, 1.0),
    "seed": (0, 0, 2**31 - 1),
}
_ADAPT: dict[str, tuple[float, float, float]] = {
    "coefficient_learning_rate": (0.02, 1e-6, 10.0),
    "directions": (0, 0, 256),
}
_TRANSFER: dict[str, tuple[float, float, float]] = {"temperature": (2.0, 0.1, 100.0), "held_out": (0.1, 0.0, 0.5)}
_OPTIONAL: dict[str, tuple[float, float]] = {"limit": (2, 500_000), "max_tokens": (1, 512)}
MOST_COMPONENTS, USUAL_ENERGY = 512, 0.9
MOST_TARGETS = 64


def read_adapt_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of ``adapt`` in full. Raises InvalidInput (``unknown_field``, a wrong type, out of range)."""
    own = ("components", "energy", "is_centred", "split")
    found = _numbers(given, _COMMON | _ADAPT, own)
    found["split"] = _split(given.get("split", "train"), answered="test")
    found["is_centred"] = truth("is_centred", given.get("is_centred", False))
    components, energy = given.get("components"), given.get("energy")
    if components is not None and energy is not None:
        raise InvalidInput(detail="give components or energy, not both", field="settings")
    if components is not None:
        components = _number("components", components, 1, MOST_COMPONENTS, is_whole=True)
    elif energy is not None:
        energy = _number("energy", energy, 0.01, 1.0)
    return found | {
        "components": components,
        "energy": USUAL_ENERGY if components is None and energy is None else energy,
    }


def read_transfer_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of ``transfer`` in full. Raises InvalidInput as :func:`read_adapt_settings`."""
    found = _numbers(given, _COMMON | _TRANSFER, ("target_modules", "split"))
    found["split"] = _split(given.get("split", "train"))
    targets = given.get("target_modules", [])
    is_list = isinstance(targets, list) and len(targets) <= MOST_TARGETS
    if not is_list or not all(isinstance(name, str) and 0 < len(name) <= 200 for name in targets):
        raise wrong("target_modules", targets, f"a list of at most {MOST_TARGETS} names of layers, such as query")
    return found | {"target_modules": targets}


def _numbers(
    given: dict[str, Any], known: dict[str, tuple[float, float, float]], more: tuple[str, ...]
) -> dict[str, Any]:
    refuse_unknown(given, (*known, *_OPTIONAL, *more))
    found: dict[str, Any] = {}
    for name, (usual, least, most) in known.items():
        found[name] = _number(name, given.get(name, usual), least, most, is_whole=isinstance(usual, int))
    for name, (least, most) in _OPTIONAL.items():
        value = given.get(name)
        found[name] = None if value is None else _number(name, value, least, most, is_whole=True)
    return found


def _number(name: str, value: Any, least: float, most: float, *, is_whole: bool = False) -> int | float:
    check: Check = whole(int(least), int(most)) if is_whole else number(least, most)
    checked: int | float = check(name, value)
    return checked


def _split(value: Any, *, answered: str = "") -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 20:
        raise wrong("split", value, "the name of one of the set's splits")
    if value == answered:
        raise InvalidInput(
            detail=f"the split {value!r} is what is measured; training on it would measure nothing",
            field="settings",
            hint="Train on another split, such as train.",
        )
    return value
