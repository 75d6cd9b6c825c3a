"""How an adapter is named: `ns/name`, with `@` and a version or commit where one is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import UsageError

_NAME = re.compile(r"(?P<namespace>[A-Za-z0-9][\w.-]*)/(?P<name>[A-Za-z0-9][\w.-]*)(@(?P<ref>[\w.+-]+))?", re.ASCII)
_COMMIT_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class AdapterName:
    """The parts of a name, already safe to put into a URL path."""

    namespace: str
    name: str
    ref: str | None = None

    @classmethod
    def parse(cls, text: str) -> AdapterName:
        """Read `ns/name[@ref]`. Raises UsageError `invalid_name`."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text!r} is not an adapter's name.",
                code="invalid_name",
                field="name",
                hint="Write namespace/name, or namespace/name@1.2.0.",
            )
        return cls(match["namespace"], match["name"], match["ref"])

    @property
    def full_name(self) -> str:
        """`ns/name`, without the reference."""
        return f"{self.namespace}/{self.name}"

    @property
    def url_path(self) -> str:
        """The adapter's place below `/api/v1`."""
        return f"/adapters/{self.full_name}"

    @property
    def has_commit(self) -> bool:
        """Whether the reference is a 40-hex commit id."""
        return self.ref is not None and _COMMIT_ID.fullmatch(self.ref) is not None
