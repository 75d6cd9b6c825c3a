"""Every kind of job and its handler."""

from catalog.adapters.commits import VALIDATE_REVISION
from catalog.bases.services import DESCRIBE_BASE
from catalog.jobs.models import Job
from workers.description import DescribeBase
from workers.supervisor import Handler
from workers.validation import ValidateRevision

HANDLERS: dict[str, Handler] = {VALIDATE_REVISION: ValidateRevision(), DESCRIBE_BASE: DescribeBase()}


def handler_of(kind: str) -> Handler:
    """The handler of ``kind``. Raises KeyError for a kind this build does not know."""
    return HANDLERS[kind]


def abandon_exhausted(job: Job) -> None:
    """Settle what hung on a job that the sweep gives up."""
    if job.kind in HANDLERS:
        HANDLERS[job.kind].abandon(job, job.error or {"code": "worker_lost", "detail": ""})
