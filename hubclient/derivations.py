"""The part of the client that makes adapters out of adapters: merges, reductions, extractions, and doing them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .caller import Caller
from .errors import JobFailedError, NotFoundError, UsageError
from .jobs import JobProgress
from .names import AdapterName


class Derivations(Caller):
    """What the hub computes out of stored adapters; each result is a draft with its lineage."""

    def merge(
        self, target: str, members: Iterable[tuple[str, float]], *, method: str = "cat", **details: Any
    ) -> dict[str, Any]:
        """Ask for a merge of `(ns/name[@version], weight)` as a draft of `ns/name[@version]`; the derivation.

        `details`: heads, settings, search, visibility, license, summary. Wait for it with `await_derivation`.
        """
        body = target_of(target) | {"members": _members(members), "method": method, **_given(details)}
        answer: dict[str, Any] = self.call("POST", "/merges", json=body)
        return answer

    def preview_merge(
        self,
        members: Iterable[tuple[str, float]],
        *,
        method: str = "cat",
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
        **details: Any,
    ) -> dict[str, Any]:
        """What a merge would meet: norms, cosines, overlaps, sign conflicts, heads. Nothing is merged. Waits."""
        body = {"members": _members(members), "method": method, **_given(details)}
        job = self.call("POST", "/merges/preview", json=body)
        ended = self.wait(job, timeout_seconds=timeout_seconds, on_progress=on_progress)
        return dict(ended["result"])

    def reduce(self, target: str, source: str, operation: str, **details: Any) -> dict[str, Any]:
        """Ask for `source` made smaller as a draft of `target`; `details`: settings, visibility, license, summary."""
        AdapterName.parse(source)
        body = target_of(target) | {"source": source, "operation": operation, **_given(details)}
        answer: dict[str, Any] = self.call("POST", "/reductions", json=body)
        return answer

    def extract(self, target: str, base_model: str, tuned_model: str, **details: Any) -> dict[str, Any]:
        """Ask for a LoRA out of what fine-tuning changed between two registered models, as a draft of `target`."""
        body = target_of(target) | {"base_model": base_model, "tuned_model": tuned_model, **_given(details)}
        answer: dict[str, Any] = self.call("POST", "/extractions", json=body)
        return answer

    def derivation(self, derivation_id: int) -> dict[str, Any]:
        """One derivation as it is now."""
        answer: dict[str, Any] = self.call("GET", f"/derivations/{derivation_id}")
        return answer

    def derivations(self, **filters: Any) -> dict[str, Any]:
        """A page of derivations, the newest first (adapter, kind, state, cursor, limit)."""
        answer: dict[str, Any] = self.call("GET", "/derivations", params=filters)
        return answer

    def await_derivation(
        self,
        asked: Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
    ) -> dict[str, Any]:
        """The derivation once it is made and its draft was looked at. Raises JobFailedError with the hub's reason."""
        ended = self.wait(str(asked["job"]), timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
        found = self.derivation(asked["id"])
        if found["state"] != "made":
            error = found.get("error") or ended.get("error") or {}
            raise JobFailedError(
                str(error.get("detail") or f"The job was {ended['state']}."),
                code=str(error.get("code") or f"job_{ended['state']}"),
                hint=error.get("hint"),
            )
        validation = (ended.get("result") or {}).get("job")
        if validation:
            self.wait(str(validation), timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
            found = self.derivation(asked["id"])
        return found

    def reproduce(
        self,
        name: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
    ) -> dict[str, Any]:
        """Compute what made `ns/name[@version]` again, wait, and compare: `is_same`, `files`, `largest_difference`."""
        parsed = AdapterName.parse(name)
        wanted = f"{parsed.full_name}@{parsed.ref}" if parsed.ref else parsed.full_name
        page = self.derivations(adapter=wanted, state="made", limit=1)
        if not page["results"]:
            raise NotFoundError(f"{name} was not computed by this hub.", code="not_found", field="name")
        job = self.call("POST", f"/derivations/{page['results'][0]['id']}/reproduce")
        ended = self.wait(job, timeout_seconds=timeout_seconds, on_progress=on_progress)
        return dict(ended["result"])


def target_of(name: str) -> dict[str, Any]:
    """`ns/name[@version]` as the request's fields. Raises UsageError for a commit id: a draft has none yet."""
    parsed = AdapterName.parse(name)
    if parsed.has_commit:
        raise UsageError("A draft gets its commit from the hub.", field="name", hint="Write namespace/name@1.2.0.")
    return {"adapter": parsed.full_name, **({"version": parsed.ref} if parsed.ref else {})}


def _members(members: Iterable[tuple[str, float]]) -> list[dict[str, Any]]:
    rows = [{"adapter": name, "weight": weight} for name, weight in members]
    for row in rows:
        AdapterName.parse(str(row["adapter"]))
    return rows


def _given(details: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: without None, also inside settings."""
    cleaned = {
        name: {key: one for key, one in value.items() if one is not None} if isinstance(value, Mapping) else value
        for name, value in details.items()
    }
    return {name: value for name, value in cleaned.items() if value is not None}
