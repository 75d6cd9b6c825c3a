"""What ``fsck`` finds: something that should not be, and what can be done about it without losing anything."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Finding:
    """One thing that is wrong. ``code`` is stable; ``repair`` loses nothing, and is absent where that cannot be had."""

    code: str
    subject: str
    detail: str
    repair: Callable[[], Any] | None = field(default=None, repr=False)
    is_repaired: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "code": self.code,
            "subject": self.subject,
            "detail": self.detail,
            "is_repairable": self.repair is not None,
            "is_repaired": self.is_repaired,
        }
