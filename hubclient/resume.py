"""Remembers an unfinished upload, so that the same push, started again, continues it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .config import write_private


class UploadMemory:
    """One small file under the digest of (hub, everything that the push asks for)."""

    def __init__(self, folder: Path, hub_url: str, body: Mapping[str, Any]) -> None:
        asked = json.dumps([hub_url, body], sort_keys=True).encode()
        self.path = folder / "uploads" / f"{hashlib.sha256(asked).hexdigest()}.json"

    def recall(self) -> str | None:
        """The upload's id, if one is known."""
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            return str(known["id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, upload_id: str) -> None:
        """Keep the id until `forget`."""
        write_private(self.path, json.dumps({"id": upload_id}))

    def forget(self) -> None:
        """Drop it: the upload is finished, or gone."""
        self.path.unlink(missing_ok=True)
