"""The hub as a Python object: `Hub(url).pull("org/name")`, `.push(...)`, `.stitch(...)`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .base_models import BaseModels
from .collecting import Collections
from .differences import Differences
from .families import Families
from .jobs import JobProgress, raise_if_failed
from .lineage import Lineage
from .measurements import Measurements
from .names import AdapterName
from .pull import Plan, PullResult, pull_adapter, resolve
from .push import PushResult, push_folder, raise_if_rejected
from .sending import Progress
from .similarity import Similarity
from .trainings import Trainings


class Hub(BaseModels, Trainings, Measurements, Families, Similarity, Lineage, Differences, Collections):
    """One hub and one identity. Without arguments: `HUB_URL` and `HUB_TOKEN`, else what `hubclient login` kept."""

    # Adapters

    def push(
        self,
        folder: str | Path,
        name: str,
        *,
        is_waiting: bool = True,
        timeout_seconds: float | None = None,
        on_progress: Progress | None = None,
        on_job_progress: JobProgress | None = None,
        **details: Any,
    ) -> PushResult:
        """Push a folder as a new revision of `ns/name`; `details` are the optional fields of `POST /uploads`.

        Waits for the validation unless told otherwise. Raises RejectedError with the first finding when the
        hub finds the adapter invalid, JobFailedError when it could not look at it.
        """
        result = push_folder(
            self.connection,
            Path(folder),
            AdapterName.parse(name).full_name,
            details,
            memory_folder=self.cache,
            on_progress=on_progress,
        )
        if is_waiting:
            self.await_validation(result, timeout_seconds=timeout_seconds, on_progress=on_job_progress)
        return result

    def await_validation(
        self, result: PushResult, *, timeout_seconds: float | None = None, on_progress: JobProgress | None = None
    ) -> None:
        """Wait until the hub has looked at what was pushed, and bring `result` up to date; errors as in `push`."""
        started = time.monotonic()
        if result.state == "receiving" and result.job:
            self._await_received(result, timeout_seconds, on_progress)
            if timeout_seconds is not None:
                timeout_seconds = max(0.0, timeout_seconds - (time.monotonic() - started))
        commit_id = result.revision.get("commit_id")
        job_id = (result.job or {}).get("id") or result.revision.get("job")
        if result.state == "validating" and commit_id and job_id:
            job = self.wait(str(job_id), timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
            result.job, result.revision = job, self.revision(result.adapter, str(commit_id))
            if result.state == "validating":
                raise_if_failed(job)
        raise_if_rejected(result)

    def _await_received(
        self, result: PushResult, timeout_seconds: float | None, on_progress: JobProgress | None
    ) -> None:
        """Wait until the hub has hashed what went to its store directly; then there is a revision."""
        job = self.wait(result.job or {}, timeout_seconds=timeout_seconds, on_progress=on_progress)
        made = job["result"]
        result.revision = self.revision(result.adapter, str(made["commit_id"]))
        result.job = {"id": made["job"]} if made.get("job") else None
        if result.memory is not None:
            result.memory.forget()
        result.check_digests()

    def pull(
        self,
        name: str,
        destination: str | Path | None = None,
        *,
        base: str | None = None,
        is_forced: bool = False,
        on_progress: Progress | None = None,
    ) -> Path:
        """The folder that holds the adapter's verified files: `destination`, or a place in the cache."""
        return self.pull_with_plan(name, destination, base=base, is_forced=is_forced, on_progress=on_progress).folder

    def pull_with_plan(self, name: str, destination: str | Path | None = None, **options: Any) -> PullResult:
        """As `pull`, with the plan and the number of bytes transferred."""
        AdapterName.parse(name)
        place = Path(destination) if destination is not None else None
        return pull_adapter(self.connection, name, cache_folder=self.cache, destination=place, **options)

    def resolve(self, name: str, base: str | None = None) -> Plan:
        """The exact plan for `ns/name[@version|@commit]` and a base model, or the error that says why not."""
        AdapterName.parse(name)
        return resolve(self.connection, name, base)

    def search(self, query: str = "", **filters: Any) -> dict[str, Any]:
        """One page of adapters; `query` is in the search language of docs/SEARCH.md.

        `filters` as in `GET /adapters` (base, method, task, language, ..., sort, cursor, limit).
        """
        answer: dict[str, Any] = self.call("GET", "/adapters", params={"q": query, **filters})
        return answer

    def facets(self, query: str = "", **filters: Any) -> dict[str, Any]:
        """What a search finds, counted by facet; arguments as in `search`."""
        answer: dict[str, Any] = self.call("GET", "/search/facets", params={"q": query, **filters})
        return answer

    def alternatives(self, query: str = "", **filters: Any) -> dict[str, Any]:
        """For a search that finds nothing: what each filter excludes, and what may have been meant."""
        answer: dict[str, Any] = self.call("GET", "/search/alternatives", params={"q": query, **filters})
        return answer

    def search_all(self, query: str = "", **filters: Any) -> Iterator[dict[str, Any]]:
        """Every adapter found, page after page."""
        cursor: str | None = None
        while True:
            page = self.search(query, **{**filters, "cursor": cursor})
            yield from page["results"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def info(self, name: str) -> dict[str, Any]:
        """An adapter; its `revision` is the one named after `@`, else the default version's."""
        parsed = AdapterName.parse(name)
        adapter: dict[str, Any] = self.call("GET", parsed.url_path)
        if parsed.ref:
            adapter["revision"] = self.revision(parsed.full_name, self.commit_of(name))
        return adapter

    def revision(self, name: str, commit_id: str) -> dict[str, Any]:
        """A revision by its commit id."""
        answer: dict[str, Any] = self.call("GET", f"{AdapterName.parse(name).url_path}/revisions/{commit_id}")
        return answer

    def commit_of(self, name: str) -> str:
        """The commit id that `ns/name@version` means; a name with a commit id is its own answer."""
        parsed = AdapterName.parse(name)
        if parsed.ref and parsed.has_commit:
            return parsed.ref
        ref = parsed.ref or self.call("GET", parsed.url_path)["default_version"]
        return str(self.call("GET", f"{parsed.url_path}/versions/{ref}")["commit_id"])

    def yank(self, name: str, reason: str) -> dict[str, Any]:
        """Stop offering a version; who names it exactly still gets it, with a warning."""
        return self._decide_on_version(name, "yank", {"reason": reason})

    def unyank(self, name: str) -> dict[str, Any]:
        """Offer a yanked version again."""
        return self._decide_on_version(name, "unyank", {})

    def _decide_on_version(self, name: str, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        parsed = AdapterName.parse(name)
        path = f"{parsed.url_path}/versions/{parsed.ref}/{verb}"
        answer: dict[str, Any] = self.call("POST", path, json=body)
        return answer

    # Reviews

    def approve(self, name: str, reason: str = "") -> dict[str, Any]:
        """Approve the pending revision `ns/name@commit` or `@version` (scope `review`)."""
        return self._review(name, "approve", reason)

    def reject(self, name: str, reason: str) -> dict[str, Any]:
        """Reject a pending revision, with the reason (scope `review`)."""
        return self._review(name, "reject", reason)

    def ask_changes(self, name: str, reason: str) -> dict[str, Any]:
        """Give a pending revision back to its author (scope `review`); the next push keeps the conversation."""
        return self._review(name, "ask_changes", reason)

    def _review(self, name: str, decision: str, reason: str) -> dict[str, Any]:
        parsed = AdapterName.parse(name)
        body = {"decision": decision, **({"reason": reason} if reason else {})}
        path = f"{parsed.url_path}/revisions/{self.commit_of(name)}/reviews"
        answer: dict[str, Any] = self.call("POST", path, json=body)
        return answer

    def pending_reviews(self, namespace: str | None = None) -> dict[str, Any]:
        """The revisions that wait for a decision of the caller, the urgent first."""
        answer: dict[str, Any] = self.call("GET", "/reviews", params={"namespace": namespace})
        return answer

    # Models

    def stitch(self, base_model: Any, name: str, **options: Any) -> Any:
        """A ready model in eval mode: `base_model` (local folder or loaded model) with the adapter attached."""
        from .stitch import stitch

        return stitch(self, base_model, name, **options)
