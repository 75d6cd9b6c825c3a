"""The hub as a Python object: `Hub(url).pull("org/name")`, `.push(...)`, `.stitch(...)`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import evaluations as measuring
from .config import cache_folder, resolve_token, resolve_url
from .connection import Connection
from .jobs import JobProgress, raise_if_failed, wait_for_job
from .names import AdapterName
from .pull import Plan, PullResult, pull_adapter, resolve
from .push import PushResult, push_folder, raise_if_rejected
from .sending import Progress

if TYPE_CHECKING:
    import httpx


class Hub:
    """One hub and one identity. Without arguments: `HUB_URL` and `HUB_TOKEN`, else what `hubclient login` kept."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        cache: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = resolve_url(url)
        self.cache = cache or cache_folder()
        self.transport = transport
        self.connection = Connection(self.url, resolve_token(self.url, token), transport=transport)

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Any endpoint below `/api/v1` by method and path, with the client's retries and errors."""
        return self.connection.call(method, path, **options)

    def whoami(self) -> dict[str, Any]:
        """Who the token belongs to, and what it may do."""
        answer: dict[str, Any] = self.call("GET", "/whoami")
        return answer

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
        """One page of adapters; `filters` as in `GET /adapters` (base, method, task, language, ..., cursor, limit)."""
        answer: dict[str, Any] = self.call("GET", "/adapters", params={"q": query, **filters})
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

    def _review(self, name: str, decision: str, reason: str) -> dict[str, Any]:
        parsed = AdapterName.parse(name)
        body = {"decision": decision, **({"reason": reason} if reason else {})}
        path = f"{parsed.url_path}/revisions/{self.commit_of(name)}/reviews"
        answer: dict[str, Any] = self.call("POST", path, json=body)
        return answer

    def pending_reviews(self, namespace: str | None = None) -> dict[str, Any]:
        """The revisions that wait for a decision of the caller, oldest first."""
        answer: dict[str, Any] = self.call("GET", "/reviews", params={"namespace": namespace})
        return answer

    # Jobs

    def jobs(self, **filters: Any) -> dict[str, Any]:
        """A page of jobs."""
        answer: dict[str, Any] = self.call("GET", "/jobs", params=filters)
        return answer

    def job(self, job_id: str) -> dict[str, Any]:
        """One job as it is now."""
        answer: dict[str, Any] = self.call("GET", f"/jobs/{job_id}")
        return answer

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Cancel a job: at once while it waits, in a moment while it runs."""
        answer: dict[str, Any] = self.call("POST", f"/jobs/{job_id}/cancel")
        return answer

    def retry_job(self, job_id: str) -> dict[str, Any]:
        """Let a dead letter run again; for administrators."""
        answer: dict[str, Any] = self.call("POST", f"/jobs/{job_id}/retry")
        return answer

    def wait(
        self,
        job: str | Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
        is_raising: bool = True,
    ) -> dict[str, Any]:
        """Wait for a job (its id, or the job itself) to end; JobFailedError unless it succeeded."""
        job_id = job if isinstance(job, str) else str(job["id"])
        ended = wait_for_job(self.connection, job_id, timeout_seconds=timeout_seconds, on_progress=on_progress)
        if is_raising:
            raise_if_failed(ended)
        return ended

    # Base models

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

    # Evaluations

    def evaluate(
        self,
        name: str,
        evaluation_set: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Measure `ns/name[@version]` on `ns/set[@2]` and wait: the evaluation with its score.

        `settings`: seed, limit, with_probe, batch_size, max_tokens, efficiency. Raises JobFailedError with the reason.
        """
        requested = measuring.request(self, [name], evaluation_set, settings)
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
        path = f"/evaluation-sets/{parsed.full_name}" + (f"/revisions/{parsed.ref}" if parsed.ref else "")
        answer: dict[str, Any] = self.call("GET", path)
        return answer

    # Models

    def stitch(self, base_model: Any, name: str, **options: Any) -> Any:
        """A ready model in eval mode: `base_model` (local folder or loaded model) with the adapter attached."""
        from .stitch import stitch

        return stitch(self, base_model, name, **options)
