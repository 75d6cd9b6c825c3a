"""Waiting for a job of the hub: asks often at first, then less, until the job has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import WaitTimeoutError, error_of_job

if TYPE_CHECKING:
    from .connection import Connection

FIRST_DELAY_SECONDS = 0.15
LONGEST_DELAY_SECONDS = 5.0
ENDED_STATES = frozenset({"succeeded", "failed", "cancelled"})
JobProgress = Callable[[float, str], None]


def wait_for_job(
    connection: Connection,
    job_id: str,
    *,
    timeout_seconds: float | None = None,
    on_progress: JobProgress | None = None,
) -> dict[str, Any]:
    """The ended job, whatever its end. Raises WaitTimeoutError when it is not over in the time allowed."""
    started = time.monotonic()
    delay = FIRST_DELAY_SECONDS
    while True:
        job: dict[str, Any] = connection.call("GET", f"/jobs/{job_id}")
        if on_progress:
            note = job.get("progress_note") or job.get("kind") or ""
            on_progress(float(job.get("progress") or 0.0), f"{note} ({job['state']})")
        if job["state"] in ENDED_STATES:
            return job
        if timeout_seconds is not None and time.monotonic() - started + delay > timeout_seconds:
            raise WaitTimeoutError(
                f"Job {job_id} is still {job['state']} after {timeout_seconds:g} s.",
                hint=f"It goes on at the hub: hubclient jobs {job_id} --wait",
            )
        connection.sleep(delay)
        delay = min(LONGEST_DELAY_SECONDS, delay * 1.5)


def raise_if_failed(job: dict[str, Any]) -> None:
    """Raise JobFailedError, or the error that its code stands for, for a job that failed or was cancelled."""
    if job["state"] not in ("failed", "cancelled"):
        return
    error = job.get("error") or {}
    raise error_of_job(
        str(error.get("code") or f"job_{job['state']}"),
        str(error.get("detail") or f"Job {job['id']} was {job['state']}."),
    )
