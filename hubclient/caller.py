"""What every part of the client stands on: one hub, one identity, one connection, and its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .config import cache_folder, resolve_token, resolve_url
from .connection import Connection
from .jobs import JobProgress, raise_if_failed, wait_for_job

if TYPE_CHECKING:
    import httpx


class Caller:
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

    def __enter__(self) -> Self:
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

    def acknowledge_job(self, job_id: str, note: str = "") -> dict[str, Any]:
        """Let a dead letter rest: somebody looked at it; for administrators."""
        answer: dict[str, Any] = self.call("POST", f"/jobs/{job_id}/acknowledge", json={"note": note})
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
