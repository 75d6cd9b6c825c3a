"""A job whose child died or ran out of something: whichever subject did that, the others must not pay for it."""

from typing import Any

from catalog.evaluations.models import Evaluation
from catalog.jobs.models import Job, Priority
from catalog.jobs.services import submit

# Ends that one subject alone may have brought about.
_OF_ONE = frozenset({"child_died", "resource_limit", "worker_lost"})


def split_job(job: Job, error: dict[str, Any], waiting: list[Evaluation]) -> bool:
    """Ask for both halves of ``waiting`` in jobs of their own, and so on down to the one; whether that helps.

    Call it in the transaction that ends ``job``.
    """
    if error.get("code") not in _OF_ONE or len(waiting) < 2:
        return False
    middle = len(waiting) // 2
    for half in (waiting[:middle], waiting[middle:]):
        part = submit(
            job.kind,
            job.payload,
            created_by=job.created_by,
            namespace=job.namespace,
            subject=(job.subject_kind, f"{len(half)} of {job.subject_name}"),
            queue=job.queue,
            priority=Priority(job.priority),
        )
        Evaluation.objects.filter(pk__in=[evaluation.pk for evaluation in half]).update(job=part)
    return True
