"""Who is measured together: subjects that share a base model and a set share a job, which loads the base once.

A job that still waits takes further subjects in, so that a thousand pushes under a policy make fifty jobs.
"""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.db import transaction

from catalog.accounts.models import Namespace, User
from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.evaluations.fitting import has_own_head
from catalog.evaluations.harnesses import NEEDS_HEAD
from catalog.evaluations.models import Cause, Evaluation, EvaluationState, SetRevision
from catalog.evaluations.options import DECISIVE
from catalog.jobs.models import Job, JobState, Priority
from catalog.jobs.services import submit
from catalog.jobs.submitting import MANY_WAITING

EVALUATE = "evaluate"
QUEUE = "gpu"
MOST_PER_JOB = 20


@dataclass(frozen=True)
class Wanted:
    """One subject to measure: a revision, or a base model alone."""

    base: BaseModel
    revision: Revision | None = None


@dataclass
class Requested:
    """What was asked for: the evaluations in the order of the request, and the jobs that measure them."""

    evaluations: list[Evaluation] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """Who asks, for which set, and how it is to be measured."""

    actor: User | None
    on: SetRevision
    settings: dict[str, Any]
    cause: Cause
    priority: Priority | None = None
    companion: Revision | None = None


@transaction.atomic
def ask(asked: Asked, wanted: list[Wanted]) -> Requested:
    """Write the rows and see to their jobs; the caller has checked that all of it may be measured."""
    requested = Requested()
    for _, group in groupby(sorted(wanted, key=lambda subject: subject.base.pk), key=lambda subject: subject.base.pk):
        fresh = []
        for subject in group:
            waiting = _waiting_already(asked, subject)
            if waiting is None:
                fresh.append(subject)
            else:
                requested.evaluations.append(waiting)
        while fresh:
            # The base model's own score takes one place, where it is wanted.
            most = MOST_PER_JOB - (_baseline(asked, fresh) is not None)
            _give_job(requested, asked, fresh[:most])
            fresh = fresh[most:]
    place = {
        (subject.base.pk, subject.revision.pk if subject.revision else None): n for n, subject in enumerate(wanted)
    }
    requested.evaluations.sort(key=lambda row: place.get((row.base_model_id, row.revision_id), len(place)))
    return requested


def _give_job(requested: Requested, asked: Asked, subjects: list[Wanted]) -> None:
    """The rows of subjects of one base in one job; the base's own score goes with it where nobody asked for it."""
    base, namespace = subjects[0].base, _common_namespace(subjects, asked.on)
    of_base = _baseline(asked, subjects)
    count = len(subjects) + (of_base is not None)
    job = _with_room_for(count, asked, base, namespace) or _submit(asked, subjects, namespace)
    common = {"base_model": base, "set_revision": asked.on, "job": job, "requested_by": asked.actor}
    rows = [
        Evaluation(
            revision=subject.revision,
            companion=asked.companion,
            settings=asked.settings,
            cause=asked.cause,
            **common,
        )
        for subject in subjects
    ]
    if of_base is not None:
        rows.append(Evaluation(revision=None, settings=of_base, cause=Cause.BASELINE, **common))
    Evaluation.objects.bulk_create(rows)
    requested.evaluations += rows
    requested.jobs.append(job)


def _baseline(asked: Asked, subjects: list[Wanted]) -> dict[str, Any] | None:
    """How to measure the base model beside ``subjects``; None where it is one of them, has its score, or cannot be."""
    base = subjects[0].base
    of_base = _settings_of_base(base, asked.on, asked.settings)
    if of_base is None or not all(subject.revision for subject in subjects) or _has_base(base, asked.on, of_base):
        return None
    return of_base


def _with_room_for(count: int, asked: Asked, base: BaseModel, namespace: Namespace | None) -> Job | None:
    """A job of the same actor that waits to measure the same and may take ``count`` more; it stays locked."""
    waiting = Job.objects.filter(
        kind=EVALUATE,
        state=JobState.QUEUED,
        is_cancel_requested=False,
        created_by=asked.actor,
        namespace=namespace,
        priority=asked.priority or Priority.INTERACTIVE,
        payload__set_revision_id=asked.on.pk,
        payload__base_id=base.pk,
    )
    # A worker passes over the row while it is locked here; one that took it before is seen to run.
    job = waiting.select_for_update(skip_locked=True).order_by("created_at", "pk").last()
    if job is None or job.evaluations.count() + count > MOST_PER_JOB:
        return None
    if "..." not in job.subject_name:
        job.subject_name = f"{job.subject_name[:280]}, ..."
        job.save(update_fields=["subject_name"])
    return job


def _submit(asked: Asked, subjects: list[Wanted], namespace: Namespace | None) -> Job:
    priority = asked.priority
    if priority is None and namespace is None and _waits_for_many(asked.actor):
        priority = Priority.BULK
    return submit(
        EVALUATE,
        {"set_revision_id": asked.on.pk, "base_id": subjects[0].base.pk},
        created_by=asked.actor,
        namespace=namespace,
        subject=("evaluation", _subject_name(subjects, asked.on)),
        queue=QUEUE,
        priority=priority,
    )


def _waiting_already(asked: Asked, subject: Wanted) -> Evaluation | None:
    """The same evaluation on its way, if who asks may see its job."""
    waiting = Evaluation.objects.filter(
        revision=subject.revision,
        companion=asked.companion,
        base_model=subject.base,
        set_revision=asked.on,
        state=EvaluationState.WAITING,
    )
    if asked.actor is not None:
        waiting = waiting.filter(job__in=Job.objects.visible_to(asked.actor).values("pk"))
    return next((row for row in waiting if row.settings == asked.settings), None)


def _settings_of_base(base: BaseModel, on: SetRevision, settings: dict[str, Any]) -> dict[str, Any] | None:
    """How the base model is measured beside its adapters; None where it cannot be: no head, and nothing to fit one."""
    if on.harness not in NEEDS_HEAD or has_own_head(base, on):
        return settings
    return {**settings, "with_probe": True} if on.files.filter(split="train").exists() else None


def _has_base(base: BaseModel, on: SetRevision, settings: dict[str, Any]) -> bool:
    known = Evaluation.objects.filter(revision=None, base_model=base, set_revision=on)
    rows = known.exclude(state=EvaluationState.FAILED).values_list("settings", flat=True)
    return any(all(row.get(name) == settings[name] for name in DECISIVE) for row in rows)


def _common_namespace(subjects: list[Wanted], on: SetRevision) -> Namespace | None:
    """Whose members see the job: those of the subjects' one namespace, if all of them may see the set too."""
    found = {subject.revision.adapter.namespace if subject.revision else None for subject in subjects}
    namespace = found.pop() if len(found) == 1 else None
    own = on.evaluation_set
    return namespace if own.visibility == "public" or namespace == own.namespace else None


def _waits_for_many(actor: User | None) -> bool:
    """What :func:`submit` asks of a namespace, for jobs that belong to none."""
    waiting = Job.objects.filter(created_by=actor, namespace=None, queue=QUEUE, state=JobState.QUEUED)
    return waiting[:MANY_WAITING].count() >= MANY_WAITING


def _subject_name(subjects: list[Wanted], on: SetRevision) -> str:
    first = subjects[0].revision or subjects[0].base
    version = getattr(first, "version", None)
    name = str(version) if version is not None else str(first)
    more = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
    return f"{name}{more} on {on}"
