"""Claim: one entry of another catalogue, read but not yet kept; and why one could not be read."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Note:
    """Something was read otherwise than it was written. ``code`` is stable, ``given`` is what stood there."""

    field: str
    code: str
    given: str
    detail: str


@dataclass(frozen=True)
class ClaimedVersion:
    """One file that the source offers."""

    name: str
    url: str = ""
    sha1: str = ""
    sha256: str = ""
    description: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Claim:
    """What a record will hold; the names are its columns."""

    source: str
    path: str
    title: str
    summary: str = ""
    description: str = ""
    link: str = ""
    author: str = ""
    base_name: str = ""
    architecture: str = ""
    method: str = ""
    task: str = ""
    languages: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    license: str = ""
    default_version: str = ""
    versions: list[ClaimedVersion] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that it says: the same words again change nothing."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def columns(self) -> dict[str, Any]:
        """The columns of its row, without those that find it."""
        left_out = {"source", "path", "versions"}
        return {key: value for key, value in asdict(self).items() if key not in left_out} | {"digest": self.digest}


class Refused(ValueError):
    """An entry that cannot be taken. ``code`` is stable; the message is one sentence."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")
