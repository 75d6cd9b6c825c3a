"""Client of Adapter Hub. `from hubclient import Hub`; every error is in `hubclient.errors`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Hub as Hub
    from .errors import HubError as HubError
    from .push import PushResult as PushResult

_HOMES = {
    "Hub": "client",
    "PushResult": "push",
    **dict.fromkeys(
        (
            "HubError",
            "RefusedError",
            "NotFoundError",
            "WithdrawnError",
            "ConflictError",
            "BaseMismatchError",
            "RateLimitedError",
            "RejectedError",
            "JobFailedError",
            "UsageError",
            "NetworkError",
            "WaitTimeoutError",
            "StoreRefusedError",
            "NotPermittedError",
            "IntegrityError",
            "UnsafePathError",
            "StitchError",
        ),
        "errors",
    ),
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use (PEP 562), so that `import hubclient` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hubclient' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
