"""Write a job's row, and send word of it when the transaction commits."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from catalog.accounts.models import Namespace, User
from catalog.jobs.clock import database_now
from catalog.jobs.models import Job, JobState, Priority

MANY_WAITING = 20


def submit(
    kind: str,
    payload: dict[str, Any],
    *,
    created_by: User | None = None,
    namespace: Namespace | None = None,
    subject: tuple[str, str] = ("", ""),
    queue: str = "cpu",
    priority: Priority | None = None,
) -> Job:
    """Write the job's row and, when the surrounding transaction commits, send word of it.

    Without a ``priority`` it is interactive, or bulk where ``MANY_WAITING`` jobs of its namespace wait in the queue
    already: whoever imports a thousand adapters does not keep others waiting.
    """
    now = database_now()
    job = Job.objects.create(
        kind=kind,
        queue=queue,
        priority=_usual_priority(namespace, queue) if priority is None else priority,
        payload=payload,
        namespace=namespace,
        created_by=created_by,
        subject_kind=subject[0],
        subject_name=subject[1][:300],
        created_at=now,
        available_at=now,
    )
    transaction.on_commit(lambda: send(job.pk, queue))
    return job


def send(job_id: UUID, queue: str) -> bool:
    """Tell the workers of ``queue``, through the sender named in settings, that there is one job more to run.

    Returns whether the broker took it. A broker that is away is no loss: the sweep sends again, and idle workers look
    for themselves.
    """
    sender: Callable[[str, str], bool] = import_string(settings.HUB_JOB_SENDER)
    is_sent = sender(str(job_id), queue)
    if is_sent:
        Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(sent_at=database_now())
    return is_sent


def _usual_priority(namespace: Namespace | None, queue: str) -> Priority:
    waiting = Job.objects.filter(namespace=namespace, queue=queue, state=JobState.QUEUED)
    is_many = namespace is not None and waiting[:MANY_WAITING].count() >= MANY_WAITING
    return Priority.BULK if is_many else Priority.INTERACTIVE
