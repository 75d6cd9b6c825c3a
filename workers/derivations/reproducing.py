"""The function of the job ``reproduce``: a derivation's own function runs again, and the numbers are compared."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from workers.computing import Report

_PACKAGES = ("workers.derivations.", "workers.training.")


def reproduce(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Compute again into ``out``; gives ``made_with``, what of it ``changed``, and the ``largest_difference``.

    ``argument``: that of ``function``, with ``made`` (weights files of the first result by path) and ``made_with``
    (of then). The difference is that of any entry, relative to the largest entry of its tensor; None where the two
    do not hold the same tensors, or the first is not there any more.
    """
    module, _, name = argument["function"].partition(":")
    assert module.startswith(_PACKAGES), "only derivations are computed again"
    outcome = getattr(importlib.import_module(module), name)(argument, report)
    then, now = argument["made_with"], outcome["made_with"]
    changed = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    distances = [_difference(Path(first), Path(argument["out"]) / path) for path, first in argument["made"].items()]
    known = [distance for distance in distances if distance is not None]
    largest = max(known) if known and len(known) == len(distances) else None
    return {"made_with": now, "changed": changed, "largest_difference": largest}


def _difference(first: Path, second: Path) -> float | None:
    if not second.is_file():
        return None
    largest = 0.0
    with safe_open(first, framework="pt") as then, safe_open(second, framework="pt") as now:
        if set(then.keys()) != set(now.keys()):
            return None
        for name in then.keys():  # noqa: SIM118  (no mapping)
            one, other = then.get_tensor(name).double(), now.get_tensor(name).double()
            if one.shape != other.shape:
                return None
            size = float(one.abs().max()) if one.numel() else 0.0
            if size:
                largest = max(largest, float((one - other).abs().max()) / size)
    return largest
