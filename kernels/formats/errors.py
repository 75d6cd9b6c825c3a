"""What the readers say: a FormatError stops reading, a Finding is one line of a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]


class FormatError(ValueError):
    """A file or table that cannot be read any further, with a stable code."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        hint: str = "",
        tensor: str | None = None,
        expected: Any = None,
        received: Any = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.tensor = tensor
        self.expected = expected
        self.received = received

    def as_finding(self, file: str | None = None) -> Finding:
        """The same message as a line of a report."""
        return Finding(self.code, "error", self.detail, self.hint, self.tensor, self.expected, self.received, file)

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable form; absent parts are left out."""
        return self.as_finding().as_dict()


@dataclass(frozen=True)
class Finding:
    """One statement about an adapter's files; codes are listed in docs/VALIDATION.md."""

    code: str
    severity: Severity
    message: str
    hint: str = ""
    tensor: str | None = None
    expected: Any = None
    received: Any = None
    file: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable form; absent parts are left out."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}
