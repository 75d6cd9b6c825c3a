"""Jobs that ended long ago go, with their logs; what they found out stays in the revision, the base, the evidence.

A dead letter waits for an administrator: it stays four times as long, unless it runs again before.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q

from catalog.adapters.models import Revision, RevisionState
from catalog.derivations.models import Derivation, DerivationState
from catalog.evaluations.models import Evaluation, EvaluationState, Uncertainty
from catalog.families.models import Basis, BasisState
from catalog.jobs.clock import database_now
from catalog.jobs.models import FINAL_STATES, Job, JobEvent
from catalog.removals.models import Removal, RemovalState
from catalog.retention.referring import referring
from catalog.uploads.models import Upload, UploadState

log = logging.getLogger(__name__)
DEAD_LETTERS_STAY_TIMES = 4
_BATCH = 200
# Rows in these states may still ask what became of their job.
_UNFINISHED: dict[type[Model], tuple[str, ...]] = {
    Revision: (RevisionState.VALIDATING,),
    Upload: (UploadState.OPEN, UploadState.FINISHING, UploadState.RECEIVING),
    Evaluation: (EvaluationState.WAITING,),
    Uncertainty: (EvaluationState.WAITING,),
    Derivation: (DerivationState.WAITING,),
    Basis: (BasisState.WAITING,),
    Removal: (RemovalState.WAITING,),
}


def prune_jobs(*, is_stopping: Callable[[], bool] | None = None) -> int:
    """Delete the jobs that ended more than ``HUB_KEEP_JOBS_DAYS`` ago. Returns how many; 0 days keep all for ever.

    Each batch is a short transaction of its own that waits for nobody: what somebody else holds stays until the next
    run, and so does the rest where ``is_stopping`` says so.
    """
    if not settings.HUB_KEEP_JOBS_DAYS:
        return 0
    now, pruned, last = database_now(), 0, (datetime.min.replace(tzinfo=UTC), UUID(int=0))
    while not (is_stopping and is_stopping()):
        batch = _next(now, last)
        if not batch:
            break
        pruned += _prune([pk for _, pk in batch])
        last = batch[-1]
    if pruned:
        log.info("pruned %d jobs that had ended long ago", pruned)
    return pruned


def _next(now: datetime, last: tuple[datetime, UUID]) -> list[tuple[datetime, UUID]]:
    """The ids of the next batch, by when they were created: that has an index, and nothing ends before it begins."""
    keep = timedelta(days=settings.HUB_KEEP_JOBS_DAYS)
    is_settled = Q(is_dead_letter=False) | Q(acknowledged_at__isnull=False)
    ended = is_settled | Q(finished_at__lt=now - keep * DEAD_LETTERS_STAY_TIMES)
    rows = Job.objects.filter(ended, state__in=FINAL_STATES, finished_at__lt=now - keep, created_at__lt=now - keep)
    # The first condition says nothing new, but an index can begin there.
    following = rows.filter(Q(created_at__gt=last[0]) | Q(pk__gt=last[1]), created_at__gte=last[0])
    return list(following.order_by("created_at", "pk").values_list("created_at", "pk")[:_BATCH])


@transaction.atomic
def _prune(ids: list[UUID]) -> int:
    """Delete those that are still ended, and that nothing unfinished refers to.

    The rows that refer to a job forget it, so they are locked too, and nobody is waited for: waiting for several locks
    would be a deadlock.
    """
    ended = Job.objects.filter(pk__in=ids, state__in=FINAL_STATES).select_for_update(skip_locked=True)
    held = set(ended.values_list("pk", flat=True))
    for model, field in referring(Job):
        if model is JobEvent:
            continue
        rows = model._default_manager.filter(**{f"{field.name}__in": held})
        settled = rows.exclude(state__in=_UNFINISHED[model]).select_for_update(skip_locked=True)
        free = set(settled.values_list("pk", flat=True))
        held -= set(rows.exclude(pk__in=free).values_list(field.name, flat=True))
    Job.objects.filter(pk__in=held).delete()
    return len(held)
