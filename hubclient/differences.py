"""The part of the client that knows what fits a base model, and what changed between two versions."""

from __future__ import annotations

from typing import Any

from .caller import Caller
from .names import AdapterName


class Differences(Caller):
    """Why something does not fit, and what is different."""

    def why(self, name: str, base: str) -> dict[str, Any]:
        """Whether `ns/name[@version]` fits a registered base model, the tensors that do not, and what fits instead."""
        parsed = AdapterName.parse(name)
        params = {"base": base, **({"version": parsed.ref} if parsed.ref else {})}
        answer: dict[str, Any] = self.call("GET", f"{parsed.url_path}/why", params=params)
        return answer

    def diff(self, name: str, before: str, after: str = "") -> dict[str, Any]:
        """What changed from one version of `ns/name` to another (the default one): facts, files, scores, card."""
        params = {"from": before, **({"to": after} if after else {})}
        answer: dict[str, Any] = self.call("GET", f"{AdapterName.parse(name).url_path}/diff", params=params)
        return answer
