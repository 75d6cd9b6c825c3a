"""The part of the client that knows base models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .caller import Caller


class BaseModels(Caller):
    """Base models: register them, find them, read their shapes."""

    def register_base(
        self,
        base_id: str,
        *,
        config: Mapping[str, Any] | None = None,
        shapes: Mapping[str, Any] | None = None,
        revision: str = "main",
        aliases: Sequence[str] = (),
        license: str | None = None,
        weights: str | None = None,
        is_waiting: bool = True,
        timeout_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Register a base model by its `config.json`, its shapes, or both; waits until it is ready by default."""
        given = {"config": config, "shapes": shapes, "license": license, "weights": weights}
        body: dict[str, Any] = {"id": base_id, "revision": revision}
        body |= {name: value for name, value in given.items() if value}
        if aliases:
            body["aliases"] = list(aliases)
        answer: dict[str, Any] = self.call("POST", "/base-models", json=body, is_repeatable=True)
        if is_waiting and answer.get("state") == "pending" and answer.get("job"):
            self.wait(answer["job"], timeout_seconds=timeout_seconds)
            return self.base_model(base_id, revision)
        return answer

    def base_models(self, query: str = "", **filters: Any) -> dict[str, Any]:
        """A page of base models."""
        answer: dict[str, Any] = self.call("GET", "/base-models", params={"q": query, **filters})
        return answer

    def base_model(self, base_id: str, revision: str | None = None) -> dict[str, Any]:
        """One base model."""
        answer: dict[str, Any] = self.call("GET", f"/base-models/{base_id}", params={"revision": revision})
        return answer

    def base_shapes(self, base_id: str, revision: str | None = None) -> dict[str, Any]:
        """The shape table that adapters for this base model are checked against."""
        answer: dict[str, Any] = self.call("GET", f"/base-models/{base_id}/shapes", params={"revision": revision})
        return answer
