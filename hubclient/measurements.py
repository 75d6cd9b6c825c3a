"""The part of the client that knows what is measured: evaluations, comparisons, boards and sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import evaluations as measuring
from .caller import Caller
from .jobs import JobProgress
from .names import AdapterName


class Measurements(Caller):
    """Scores: ask for them, compare them, and the sets that they are measured on."""

    def evaluate(
        self,
        name: str,
        evaluation_set: str,
        *,
        companion: str | None = None,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Measure `ns/name[@version]` on `ns/set[@2]` and wait: the evaluation with its score.

        With a `companion`, such as a language adapter, both act at once. `settings`: seed, limit, with_probe,
        batch_size, max_tokens, efficiency, analysis. Raises JobFailedError with the reason.
        """
        requested = measuring.request(self, [name], evaluation_set, settings, companion)
        measured = measuring.await_all(self, requested, timeout_seconds=timeout_seconds, on_progress=on_progress)
        measuring.raise_if_not_measured(measured[0])
        return measured[0]

    def evaluation(self, evaluation_id: str) -> dict[str, Any]:
        """One evaluation as it is now."""
        answer: dict[str, Any] = self.call("GET", f"/evaluations/{evaluation_id}")
        return answer

    def evaluations(self, **filters: Any) -> dict[str, Any]:
        """A page of evaluations, the newest first (adapter, set, base_model, state, cursor, limit)."""
        answer: dict[str, Any] = self.call("GET", "/evaluations", params=filters)
        return answer

    def compare(self, a: str, b: str, evaluation_set: str) -> dict[str, Any]:
        """`a` (before) against `b` (now) on a set: flips, McNemar's test, intervals, rows where they may be seen."""
        answer: dict[str, Any] = self.call("GET", "/compare", params={"a": a, "b": b, "set": evaluation_set})
        return answer

    def side_by_side(self, *names: str) -> dict[str, Any]:
        """Facts and scores of two to six adapters, `ns/name[@version]` each: `adapters`, `facts`, `scores`."""
        answer: dict[str, Any] = self.call("GET", "/comparisons", params={"adapter": list(names)})
        return answer

    def leaderboard(self, evaluation_set: str, **filters: Any) -> dict[str, Any]:
        """Measured scores of published versions, the best first (base_model, task)."""
        answer: dict[str, Any] = self.call("GET", "/leaderboards", params={"set": evaluation_set, **filters})
        return answer

    def badge(self, name: str, evaluation_set: str) -> str:
        """An SVG with the measured score of `ns/name[@version]` on a set."""
        parsed = AdapterName.parse(name)
        params = {"set": evaluation_set, **({"version": parsed.ref} if parsed.ref else {})}
        return self.connection.get_text(f"{parsed.url_path}/badge.svg", params)

    def add_evaluation_set(self, folder: str | Path, name: str) -> dict[str, Any]:
        """Send a folder with `set.json` as the newest revision of the set `ns/name`."""
        return measuring.add_set(self, Path(folder), name)

    def evaluation_sets(self, query: str = "", **filters: Any) -> dict[str, Any]:
        """A page of evaluation sets."""
        answer: dict[str, Any] = self.call("GET", "/evaluation-sets", params={"q": query, **filters})
        return answer

    def evaluation_set(self, name: str) -> dict[str, Any]:
        """The set `ns/name` with its newest revision, or the revision that `ns/name@2` names."""
        parsed = AdapterName.parse(name)
        answer: dict[str, Any] = self.call("GET", _path_of_set(parsed))
        return answer

    def change_evaluation_set(self, name: str, **changes: Any) -> dict[str, Any]:
        """Change `visibility` (public, private) or `summary` of the set `ns/name`; its rows never change."""
        parsed = AdapterName.parse(name)
        answer: dict[str, Any] = self.call("PATCH", f"/evaluation-sets/{parsed.full_name}", json=changes)
        return answer

    def withdraw_evaluation_set(self, name: str, reason: str) -> dict[str, Any]:
        """Withdraw `ns/name`, or the revision that `ns/name@2` names: its rows go for ever, its scores stay."""
        path = f"{_path_of_set(AdapterName.parse(name))}/withdraw"
        answer: dict[str, Any] = self.call("POST", path, json={"reason": reason})
        return answer


def _path_of_set(name: AdapterName) -> str:
    return f"/evaluation-sets/{name.full_name}" + (f"/revisions/{name.ref}" if name.ref else "")
