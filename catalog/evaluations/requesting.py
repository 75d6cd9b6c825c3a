"""Ask for evaluations: bad input is refused first, then subjects that share a base model and a set share a job."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.db import transaction

from catalog.accounts.models import Namespace, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.bases.models import BaseModel
from catalog.bases.queries import require_base
from catalog.errors import DomainError, InvalidInput, NotPermitted
from catalog.evaluations.fitting import has_own_head, require_fit, require_measurable, require_rows
from catalog.evaluations.harnesses import NEEDS_HEAD
from catalog.evaluations.models import Cause, Evaluation, EvaluationState, SetRevision
from catalog.evaluations.options import DECISIVE, read_settings
from catalog.evaluations.queries import get_set_revision
from catalog.jobs.models import Job, JobState, Priority
from catalog.jobs.services import submit
from catalog.jobs.submitting import MANY_WAITING
from catalog.names import split_reference

EVALUATE = "evaluate"
QUEUE = "gpu"
MOST_PER_JOB = 20
MOST_PER_REQUEST = 100


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


def request_evaluations(
    actor: User,
    *,
    evaluation_set: str,
    adapters: Iterable[str] = (),
    base_model: str = "",
    settings: dict[str, Any] | None = None,
) -> Requested:
    """Measure adapters (``org/a@1.0``), or a base model alone, on a set. Nothing is written if one is refused.

    What waits already for the same, in a job that ``actor`` may see, is not asked for again.

    Raises:
        NotFound: an adapter, or ``set_not_found``. NotPermitted: ``actor`` writes neither where the adapter is nor
        where the set is. InvalidInput: settings, or nothing to measure.
        Conflict, Gone, Busy, Unprocessable: as :mod:`catalog.evaluations.fitting`.
    """
    asked, references = read_settings(settings or {}), list(dict.fromkeys(adapters))
    if bool(references) == bool(base_model) or len(references) > MOST_PER_REQUEST:
        raise InvalidInput(
            detail=f"give 1 to {MOST_PER_REQUEST} adapters, or a base_model",
            field="adapters",
            hint="One of the two.",
        )
    on = get_set_revision(actor, evaluation_set)
    _require_whole(actor, on, asked)
    wanted = [_named(actor, reference) for reference in references]
    if base_model:
        wanted = [Wanted(require_base(base_model, field="base_model"))]
    _require_right(actor, wanted, on)
    require_rows(on)
    for subject in wanted:
        require_fit(subject.revision, subject.base, on, asked)
    return ask(actor, wanted, on, asked, cause=Cause.REQUEST)


def run_again(actor: User, evaluation: Evaluation) -> Requested:
    """Measure the same again, with the same settings and seed. Raises as :func:`request_evaluations`."""
    wanted = Wanted(evaluation.base_model, evaluation.revision)
    on = evaluation.set_revision
    _require_whole(actor, on, evaluation.settings)
    _require_right(actor, [wanted], on)
    require_rows(on)
    if wanted.revision is not None:
        require_measurable(wanted.revision)
    require_fit(wanted.revision, wanted.base, on, evaluation.settings)
    return ask(actor, [wanted], on, evaluation.settings, cause=Cause.REQUEST)


@transaction.atomic
def ask(
    actor: User | None,
    wanted: list[Wanted],
    on: SetRevision,
    settings: dict[str, Any],
    *,
    cause: Cause,
    priority: Priority | None = None,
) -> Requested:
    """Write the rows and submit the jobs; the caller has checked that all of it may be measured."""
    requested = Requested()
    for _, group in groupby(sorted(wanted, key=lambda subject: subject.base.pk), key=lambda subject: subject.base.pk):
        fresh = []
        for subject in group:
            waiting = _waiting_already(actor, subject, on, settings)
            if waiting is None:
                fresh.append(subject)
            else:
                requested.evaluations.append(waiting)
        while fresh:
            # The base model's own score takes one place, where it is wanted.
            most = MOST_PER_JOB - (_baseline(fresh, on, settings) is not None)
            _submit(requested, actor, fresh[:most], on, settings, cause, priority)
            fresh = fresh[most:]
    place = {
        (subject.base.pk, subject.revision.pk if subject.revision else None): n for n, subject in enumerate(wanted)
    }
    requested.evaluations.sort(key=lambda row: place.get((row.base_model_id, row.revision_id), len(place)))
    return requested


def _submit(
    requested: Requested,
    actor: User | None,
    subjects: list[Wanted],
    on: SetRevision,
    settings: dict[str, Any],
    cause: Cause,
    priority: Priority | None,
) -> None:
    """One job; the base model's own score goes with it where nobody has measured or asked for it."""
    base, namespace = subjects[0].base, _common_namespace(subjects, on)
    if priority is None and namespace is None and _waits_for_many(actor):
        priority = Priority.BULK
    job = submit(
        EVALUATE,
        {"set_revision_id": on.pk, "base_id": base.pk},
        created_by=actor,
        namespace=namespace,
        subject=("evaluation", _subject_name(subjects, on)),
        queue=QUEUE,
        priority=priority,
    )
    common = {"base_model": base, "set_revision": on, "job": job, "requested_by": actor}
    rows = [Evaluation(revision=subject.revision, settings=settings, cause=cause, **common) for subject in subjects]
    of_base = _baseline(subjects, on, settings)
    if of_base is not None:
        rows.append(Evaluation(revision=None, settings=of_base, cause=Cause.BASELINE, **common))
    Evaluation.objects.bulk_create(rows)
    requested.evaluations += rows
    requested.jobs.append(job)


def _baseline(subjects: list[Wanted], on: SetRevision, settings: dict[str, Any]) -> dict[str, Any] | None:
    """How to measure the base model beside ``subjects``; None where it is one of them, has its score, or cannot be."""
    base = subjects[0].base
    of_base = _settings_of_base(base, on, settings)
    if of_base is None or not all(subject.revision for subject in subjects) or _has_base(base, on, of_base):
        return None
    return of_base


def _named(actor: User, reference: str) -> Wanted:
    full_name, ref = split_reference(reference)
    revision = get_revision(actor, get_adapter(actor, full_name), ref)
    try:
        return Wanted(require_measurable(revision), revision)
    except DomainError as error:
        error.field = "adapters"
        raise


def _require_right(actor: User, wanted: list[Wanted], on: SetRevision) -> None:
    """Computing costs: one's own adapters on any set, any adapter on one's own sets."""
    if role_in(actor, on.evaluation_set.namespace) in WRITE_ROLES:
        return
    for subject in wanted:
        namespace = subject.revision.adapter.namespace if subject.revision else None
        if namespace is None or role_in(actor, namespace) not in WRITE_ROLES:
            raise NotPermitted(
                detail=f"to measure {subject.revision or subject.base} on {on} you must write where one of them lives",
                hint="Measure your own adapters, or make a set of your own.",
            )


def _require_whole(actor: User, on: SetRevision, settings: dict[str, Any]) -> None:
    """Scores of single rows would tell of hidden ones. Raises NotPermitted ``rows_hidden``."""
    if (
        on.is_hidden
        and settings["limit"] is not None
        and role_in(actor, on.evaluation_set.namespace) not in WRITE_ROLES
    ):
        raise NotPermitted(
            "rows_hidden",
            f"the rows of {on} are hidden, so all of them are measured or none",
            field="settings",
            hint="Leave out the limit.",
        )


def _waiting_already(actor: User | None, subject: Wanted, on: SetRevision, settings: dict[str, Any]) -> Any:
    """The same evaluation on its way, if ``actor`` may see its job."""
    waiting = Evaluation.objects.filter(
        revision=subject.revision, base_model=subject.base, set_revision=on, state=EvaluationState.WAITING
    )
    if actor is not None:
        waiting = waiting.filter(job__in=Job.objects.visible_to(actor).values("pk"))
    return next((row for row in waiting if row.settings == settings), None)


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
