"""Finds this project's kernels, which some commands need and most do not."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from .errors import UsageError


def load_kernels(module: str, *, extra: str) -> ModuleType:
    """The module `module` (such as `formats.inspection`) of `adapterkernels`, or of `kernels` in a checkout.

    A foreign package is also called `kernels`; ours is told apart by its `methods.toml`. In a checkout the kernels
    beside this client go before installed ones, which may be older. Raises UsageError `extra_missing` that names the
    extra to install when the kernels, or a library they need, are absent.
    """
    try:
        order = ("adapterkernels", "kernels")
        for package in reversed(order) if _is_beside("kernels") else order:
            if _is_ours(package):
                return import_module(f"{package}.{module}")
        missing = "adapterkernels"
    except ImportError as error:
        missing = error.name or str(error)
    raise UsageError(
        f"This needs {missing}, which is not installed.",
        code="extra_missing",
        hint=f"pip install 'hubclient[{extra}]'",
    )


def _is_ours(package: str) -> bool:
    return any((place / "methods.toml").is_file() for place in _places(package))


def _is_beside(package: str) -> bool:
    """Whether the package of that name lies beside this one, as in a checkout."""
    return Path(__file__).resolve().parents[1] / package in (place.resolve() for place in _places(package))


def _places(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations if spec else None) or ()]
