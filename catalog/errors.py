"""The tree of domain errors. Every error has a stable code, one sentence, and what to do.

    DomainError
    ├── InvalidInput     what was given cannot be read or is not allowed
    ├── NotPermitted     the actor may see the thing, but not do this to it
    ├── NotFound         absent, or not visible to the actor: the two look the same
    ├── Conflict         the state of the thing forbids it now
    ├── Gone             it was here and was withdrawn
    ├── TooLarge         over a stated limit
    ├── Unprocessable    well-formed, but the content contradicts itself or the hub
    ├── RateLimited      too often; try again later
    ├── Busy             try again in a moment
    └── Full             no room for more bytes; somebody must make some

Services raise these; ``hub.api.errors`` turns each class into a status, ``frontend`` into a page.
"""

from typing import Any


class DomainError(Exception):
    """Base of all: ``code`` is stable, ``detail`` is for a person, ``hint`` says what to do."""

    default_code = "error"

    def __init__(
        self, code: str | None = None, detail: str = "", *, field: str = "", hint: str = "", **more: Any
    ) -> None:
        self.code = code or self.default_code
        self.detail = detail or self.code.replace("_", " ")
        self.field = field
        self.hint = hint
        self.more = more
        super().__init__(f"{self.code}: {self.detail}")

    def as_dict(self) -> dict[str, Any]:
        """The JSON form; empty fields are left out."""
        optional = {"field": self.field, "hint": self.hint, **self.more}
        return {"code": self.code, "detail": self.detail} | {k: v for k, v in optional.items() if v not in ("", None)}


class InvalidInput(DomainError):
    """What was given cannot be read or is not allowed."""

    default_code = "invalid_input"


class NotPermitted(DomainError):
    """The actor may see the thing, but not do this to it."""

    default_code = "not_permitted"


class NotFound(DomainError):
    """Absent, or not visible to the actor."""

    default_code = "not_found"


class Conflict(DomainError):
    """The state of the thing forbids it now."""

    default_code = "conflict"


class Gone(DomainError):
    """It was here and was withdrawn."""

    default_code = "withdrawn"


class TooLarge(DomainError):
    """Over a stated limit."""

    default_code = "too_large"


class Unprocessable(DomainError):
    """Well-formed, but the content contradicts itself or the hub."""

    default_code = "unprocessable"


class RateLimited(DomainError):
    """Too often; try again later."""

    default_code = "rate_limited"


class Busy(DomainError):
    """Try again in a moment."""

    default_code = "busy"


class Full(DomainError):
    """No room for more bytes; somebody must make some."""

    default_code = "storage_full"
