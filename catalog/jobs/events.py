"""A job's log: short lines that are added in the transaction of what they tell of."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from catalog.jobs.clock import database_now
from catalog.jobs.models import EventKind, Job, JobEvent
from catalog.observing import observe

SHOWN_EVENTS = 100


def record_event(
    job_id: UUID, kind: EventKind, *, at: datetime | None = None, attempt: int = 0, who: str = "", note: str = ""
) -> JobEvent:
    """Add a line to the job's log, now or as of ``at``. ``who`` is a worker's name or a user's."""
    event = JobEvent.objects.create(
        job_id=job_id,
        kind=kind,
        at=database_now() if at is None else at,
        attempt=attempt,
        who=who[:150],
        note=note[:300],
    )
    # Counted when it has really happened.
    transaction.on_commit(lambda: observe("job_event", event=str(kind)))
    return event


def events_of(job: Job) -> list[JobEvent]:
    """The last lines of the job's log, the oldest first; at most ``SHOWN_EVENTS``."""
    return list(job.events.order_by("-id")[:SHOWN_EVENTS])[::-1]
