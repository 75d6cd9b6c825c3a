"""The part of the client that knows which adapters are near another, and which families the weights propose."""

from __future__ import annotations

from typing import Any

from .caller import Caller
from .names import AdapterName


class Similarity(Caller):
    """What the hub found by comparing weights."""

    def similar(self, name: str, **options: Any) -> dict[str, Any]:
        """What is near `ns/name[@version]`: `similar` by the cosine of the updates, `same_initial_a` by the start.

        `options`: limit, least_cosine.
        """
        parsed = AdapterName.parse(name)
        params = _given(version=parsed.ref, **options)
        answer: dict[str, Any] = self.call("GET", f"{parsed.url_path}/similar", params=params)
        return answer

    def copies(self, name: str, commit_id: str) -> dict[str, Any]:
        """Copies and near duplicates of a revision that you review."""
        path = f"{AdapterName.parse(name).url_path}/revisions/{commit_id}/copies"
        answer: dict[str, Any] = self.call("GET", path)
        return answer

    def propose_families(self, base_model: str, **options: Any) -> dict[str, Any]:
        """Groups of adapters of a base model that share a layout and their initial A, the largest first.

        `options`: namespace, least_members.
        """
        params = _given(base_model=base_model, **options)
        answer: dict[str, Any] = self.call("GET", "/family-proposals", params=params)
        return answer


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
