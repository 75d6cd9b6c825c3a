"""Carry one job from its claim to its end; the computing itself happens in a child process."""

import logging
import time
from contextlib import AbstractContextManager
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.db import close_old_connections

from catalog.errors import DomainError
from catalog.jobs.models import Job
from catalog.jobs.services import Claim, LeaseLost, claim, complete, fail, give_back, renew, stop_cancelled
from catalog.observing import observe
from catalog.plain import plain_text, plain_value
from storage import StorageError
from workers.children import Beat, ChildFailed, ChildStopped, run_in_child
from workers.process import WorkerStops, this_worker

log = logging.getLogger(__name__)
_PROGRESS_SECONDS = 1.0
# The store's clock and this machine's differ: somebody must see to that, and it is no fault of the job.
_CLOCK_PAUSE_SECONDS = 30.0


class Handler(Protocol):
    """What a kind of job needs: inputs from the database, a function for the child, effects on the database."""

    function: str
    """``module:name`` of the function that the child calls with the prepared argument.

    Empty where nothing is computed from a file's contents (bytes are moved or hashed): then ``prepare`` does the work
    and what it yields is the outcome.
    """

    uses_device: bool
    """Whether the child may load CUDA: then its resident memory is watched, since its address space says nothing.

    A handler whose child needs longer than others names the setting with its seconds in ``time_setting``. One whose
    child writes files has ``keep(job, argument, outcome, beat)``, called while they are still there: it puts them into
    the store and returns the outcome with their receipts. Its child may write files of ``HUB_CHILD_FILE_BYTES``.
    """

    def prepare(self, job: Job, beat: Beat) -> AbstractContextManager[dict[str, Any]]:
        """The child's argument: plain values and local paths, valid inside the ``with`` block.

        ``beat(progress, note)`` renews the lease; whatever takes seconds calls it now and then. It raises ChildStopped,
        WorkerStops or LeaseLost, which pass through. Raises ChildFailed where the job must wait for another one;
        so may ``apply``.
        """

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        """Write the outcome; runs in the transaction that ends the job. Returns the job's result."""

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """Settle what hung on the job when it ends badly; runs in the transaction that ends it."""

    def revive(self, job: Job) -> None:
        """Undo :meth:`abandon`, so that the job can run again; runs in the transaction that queues it.

        Raises:
            Conflict: what hung on the job cannot come back.
        """


def supervise(hint: str = "", *, queue: str = "cpu") -> bool:
    """Claim and run the most urgent job of ``queue``; returns whether there was one.

    ``hint`` is the id that the message named. It is not looked for: its message stands for one job more, whichever.
    """
    worker = this_worker()
    with worker.slot():
        close_old_connections()
        try:
            claimed = None if worker.why_idle else claim(queue, worker=worker.name)
            if claimed is None:
                log.debug("nothing to do in %s for the message about %s", queue, hint or "no job")
                return False
            _carry(claimed)
            return True
        finally:
            close_old_connections()


def _carry(claimed: Claim) -> None:
    from workers.kinds import handler_of

    job, began = claimed.job, time.monotonic()
    with structlog.contextvars.bound_contextvars(job_id=str(job.pk), attempt=job.attempts):
        log.info("job %s %s: attempt %d", job.pk, job, job.attempts)
        try:
            _run(claimed, handler_of(job.kind))
        except LeaseLost:
            log.warning("job %s: the lease went to another worker; nothing was written", job.pk)
        finally:
            observe("job_seconds", time.monotonic() - began, kind=job.kind)


def _run(claimed: Claim, handler: Handler) -> None:
    job = claimed.job
    try:
        if job.is_cancel_requested:
            raise ChildStopped
        renewal = _Renewal(claimed)
        with handler.prepare(job, renewal.beat) as argument:
            outcome = plain_value(_computed(handler, argument, renewal) if handler.function else argument)
            if keep := getattr(handler, "keep", None):
                outcome = keep(job, argument, outcome, renewal.beat)
        complete(claimed, lambda: handler.apply(job, outcome))
    except LeaseLost:
        raise
    except ChildStopped:
        error = {"code": "cancelled", "detail": "cancelled on request"}
        stop_cancelled(claimed, effects=lambda: handler.abandon(job, error))
    except WorkerStops as stop:
        give_back(claimed, why=str(stop))
    except ChildFailed as failure:
        # Whatever stopped the worker may have stopped the child too.
        if (why := this_worker().why_idle) and not failure.is_final:
            give_back(claimed, why=f"{why} ({failure.code})")
            return
        _fail(claimed, handler, failure.code, failure.detail, is_final=failure.is_final)
    except DomainError as refusal:
        _fail(claimed, handler, refusal.code, refusal.detail, is_final=True)
    except Exception as error:
        if isinstance(error, StorageError) and error.code == "storage_clock_skew":
            log.error("job %s: %s", job.pk, error.detail)
            give_back(claimed, why=error.detail, pause_seconds=_CLOCK_PAUSE_SECONDS)
            return
        log.exception("job %s failed", job.pk)
        _fail(claimed, handler, "internal_error", f"{type(error).__name__}: {error}", is_final=False)


def _computed(handler: Handler, argument: dict[str, Any], renewal: "_Renewal") -> dict[str, Any]:
    memory_bytes = settings.HUB_DEVICE_CHILD_MEMORY_BYTES if handler.uses_device else settings.HUB_CHILD_MEMORY_BYTES
    writes = {"file_bytes": settings.HUB_CHILD_FILE_BYTES} if hasattr(handler, "keep") else {}
    return run_in_child(
        handler.function,
        argument,
        memory_bytes=memory_bytes,
        seconds=getattr(settings, getattr(handler, "time_setting", "HUB_CHILD_SECONDS")),
        on_tick=renewal,
        is_memory_watched=handler.uses_device,
        **writes,
    )


def _fail(claimed: Claim, handler: Handler, code: str, detail: str, *, is_final: bool) -> None:
    detail = plain_text(detail)
    error = {"code": code, "detail": detail}
    fail(claimed, code=code, detail=detail, is_final=is_final, effects=lambda: handler.abandon(claimed.job, error))


class _Renewal:
    """Called with every report of the child and a few times a second besides; says whether to go on.

    A child may report a hundred times a second, and each write to the row costs more than the step it tells of: so
    the row is written once a second for progress, and in time for the lease.
    """

    def __init__(self, claimed: Claim) -> None:
        self._claimed = claimed
        self._every_seconds = settings.HUB_JOB_LEASE_SECONDS / 3
        self._renewed_at = time.monotonic()

    def __call__(self, progress: float | None, note: str) -> bool:
        if why := this_worker().why_idle:
            raise WorkerStops(why)
        now = time.monotonic()
        pause_seconds = self._every_seconds if progress is None else min(_PROGRESS_SECONDS, self._every_seconds)
        if now - self._renewed_at < pause_seconds:
            return True
        self._renewed_at = now
        return renew(self._claimed, progress=progress, note=note)

    def beat(self, progress: float | None, note: str) -> None:
        """The same for work in this process. Raises ChildStopped when the job was cancelled."""
        if not self(progress, note):
            raise ChildStopped
