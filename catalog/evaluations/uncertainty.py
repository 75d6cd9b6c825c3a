"""Ask how much noise an adapter bears (training-free Bayesianisation), and keep what a job finds."""

from math import isfinite
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES, Actor
from catalog.accounts.services import role_in
from catalog.adapters.models import Adapter, Revision
from catalog.adapters.queries import get_revision
from catalog.errors import Conflict, Gone, InvalidInput, NotPermitted, Unprocessable
from catalog.evaluations.fitting import require_fit, require_measurable, require_rows
from catalog.evaluations.models import EvaluationState, Harness, SetRevision, Uncertainty
from catalog.evaluations.offering import require_offered
from catalog.evaluations.options import read_settings
from catalog.evaluations.queries import get_set_revision, rows_hidden
from catalog.evaluations.telling import told
from catalog.jobs.models import Job
from catalog.jobs.services import submit

BAYESIANISE = "bayesianise"
QUEUE = "gpu"
MEASURES = ("accuracy", "nll")
ANCHORS = ("anchor", "train")
# Name: usual value, least, most. The tolerance is a share of the anchor rows, or nats for `nll`.
_NUMBERS: dict[str, tuple[int, int, int]] = {"samples": (10, 1, 64), "anchor_rows": (200, 10, 2000)}
_TOLERANCE, _MOST_TOLERANCE = 0.01, 10.0
_MOST_SHOWN = 40
_SHARED = ("seed", "limit", "batch_size", "max_tokens")


def request_uncertainty(
    actor: User, adapter: Adapter, *, version: str, evaluation_set: str, settings: dict[str, Any] | None = None
) -> Uncertainty:
    """Search the noise that ``version`` of ``adapter`` bears on a set; the row waits for its job.

    Raises:
        NotFound: the version, or ``set_not_found``. NotPermitted: ``actor`` writes neither to the adapter nor the set.
        InvalidInput: settings. Unprocessable: ``not_low_rank``, ``anchor_missing``, ``harness_mismatch``, ``no_head``,
        ``labels_do_not_fit``. Conflict, Gone, Busy: as :mod:`catalog.evaluations.fitting`.
    """
    asked = read_uncertainty_settings(settings or {})
    on = get_set_revision(actor, evaluation_set)
    revision = get_revision(actor, adapter, version)
    base = require_measurable(revision)
    _require_right(actor, revision, on)
    require_rows(on)
    require_answers(on)
    if revision.facts.get("method") != "lora":
        raise Unprocessable(
            "not_low_rank",
            f"{revision} is {revision.facts.get('method') or 'of no known method'}; noise is defined for plain LoRAs",
            field="adapter",
        )
    require_fit(revision, base, on, {**asked, "with_probe": False})
    return _submit(actor, revision, on, asked)


def uncertainties_of(actor: Actor, adapter: Adapter) -> QuerySet[Uncertainty]:
    """Those of an adapter's revisions that ``actor`` may see, newest first."""
    found = Uncertainty.objects.visible_to(actor).filter(revision__adapter=adapter)
    return found.select_related(
        "revision__version", "revision__adapter__namespace", "set_revision__evaluation_set__namespace"
    )


def newest_uncertainties(actor: Actor, revision: Revision) -> list[Uncertainty]:
    """Of one revision, the newest on each revision of a set: found, waiting or failed."""
    rows = uncertainties_of(actor, revision.adapter).filter(revision_id=revision.pk).order_by("-created_at", "-id")
    newest: dict[int, Uncertainty] = {}
    for row in rows.select_related("job")[:_MOST_SHOWN]:
        newest.setdefault(row.set_revision_id, row)
    return sorted(newest.values(), key=lambda row: str(row.set_revision))


def read_uncertainty_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings in full. Raises InvalidInput (``unknown_field``, a wrong type, out of range)."""
    known = (*_SHARED, *_NUMBERS, "tolerance", "measure")
    for name in given:
        if name not in known:
            raise InvalidInput("unknown_field", f"no setting {name[:80]!r}", field="settings", hint=", ".join(known))
    shared = read_settings({name: given[name] for name in _SHARED if name in given})
    found: dict[str, Any] = {name: shared[name] for name in _SHARED}
    for name, (usual, least, most) in _NUMBERS.items():
        value = given.get(name, usual)
        if type(value) is not int or not least <= value <= most:
            raise _wrong(name, value, f"a whole number from {least} to {most}")
        found[name] = value
    tolerance, measure = given.get("tolerance", _TOLERANCE), given.get("measure", MEASURES[0])
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance <= _MOST_TOLERANCE:
        raise _wrong("tolerance", tolerance, f"a number from 0 to {_MOST_TOLERANCE:g}")
    if measure not in MEASURES:
        raise _wrong("measure", measure, f"one of {', '.join(MEASURES)}")
    return found | {"tolerance": float(tolerance), "measure": measure}


def waiting_for(job: Job) -> Uncertainty:
    """The row that waits for ``job``. Raises Gone where it, or its adapter's bytes, is not there any more."""
    related = ("revision__base_model", "set_revision__evaluation_set__namespace")
    found = Uncertainty.objects.select_related(*related).filter(job=job, state=EvaluationState.WAITING).first()
    if found is None or found.revision.manifest is not None:
        raise Gone(detail="what was to be measured was withdrawn or deleted meanwhile")
    require_offered(found.set_revision)
    return found


def record_uncertainty(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Keep the outcome of ``workers.evaluation.bayesian:bayesianise``; the job's result."""
    row = _locked(job)
    if row is None:
        return {"uncertainty": None}
    said = outcome.get("result") or {}
    row.versions = outcome.get("versions") or {}
    sigma = said.get("sigma")
    error = outcome.get("error")
    if error is not None or not isinstance(sigma, int | float) or not isfinite(sigma):
        _fail(row, error or {"code": "result_missing", "detail": "the job ended without a number"})
    else:
        row.state, row.error, row.sigma = EvaluationState.MEASURED, None, float(sigma)
        row.before, row.after, row.used = said["before"], said["after"], said["used"]
        row.seconds, row.measured_at = said.get("seconds"), timezone.now()
        row.save()
    return {"uncertainty": str(row.pk), "state": row.state, "sigma": row.sigma}


def abandon_uncertainty(job: Job, error: dict[str, Any]) -> None:
    """The job ended badly, and with it what waited for it."""
    row = _locked(job)
    if row is not None:
        _fail(row, error)


def revive_uncertainty(job: Job) -> None:
    """The job runs again. Raises Conflict ``not_retryable`` where its row is gone."""
    failed = Uncertainty.objects.filter(job=job, state=EvaluationState.FAILED)
    if not failed.update(state=EvaluationState.WAITING, error=None):
        raise Conflict("not_retryable", "its uncertainty is gone, or was measured by now")


def _locked(job: Job) -> Uncertainty | None:
    waiting = Uncertainty.objects.filter(job=job, state=EvaluationState.WAITING).select_related("set_revision")
    return waiting.select_for_update(of=("self",)).first()


def _fail(row: Uncertainty, error: dict[str, Any]) -> None:
    row.state = EvaluationState.FAILED
    row.error = told(error, row.set_revision)
    row.save()


@transaction.atomic
def _submit(actor: User, revision: Revision, on: SetRevision, settings: dict[str, Any]) -> Uncertainty:
    own, namespace = on.evaluation_set, revision.adapter.namespace
    job = submit(
        BAYESIANISE,
        {"revision_id": revision.pk, "set_revision_id": on.pk},
        created_by=actor,
        # Members see the job only where they see the set.
        namespace=namespace if own.visibility == "public" or own.namespace == namespace else None,
        subject=("uncertainty", f"{getattr(revision, 'version', None) or revision} on {on}"),
        queue=QUEUE,
    )
    return Uncertainty.objects.create(
        revision=revision, set_revision=on, job=job, requested_by=actor, settings=settings
    )


def _require_right(actor: User, revision: Revision, on: SetRevision) -> None:
    """As for evaluations; the search scores a few drawn rows, so hidden ones are searched by their own people alone."""
    if role_in(actor, on.evaluation_set.namespace) in WRITE_ROLES:
        return
    if on.is_hidden:
        raise rows_hidden(on)
    if role_in(actor, revision.adapter.namespace) in WRITE_ROLES:
        return
    raise NotPermitted(
        detail=f"to measure {revision} on {on} you must write where one of them lives",
        hint="Measure your own adapters, or make a set of your own.",
    )


def require_answers(on: SetRevision) -> None:
    """What a search weighs needs one right answer among several, and rows to search on.

    Raises:
        Unprocessable: ``harness_mismatch``, ``anchor_missing``.
    """
    is_choice = on.harness == Harness.LANGUAGE_MODEL and (
        on.options.get("output_type", "multiple_choice") == "multiple_choice"
    )
    if on.harness != Harness.SEQUENCE_CLASSIFICATION and not is_choice:
        raise Unprocessable(
            "harness_mismatch",
            f"{on} is for {on.harness}; a search needs one right answer among several",
            field="evaluation_set",
            hint="Choose a set of sequence classification, or of multiple choice.",
        )
    if not on.files.filter(split__in=ANCHORS).exists():
        raise Unprocessable(
            "anchor_missing",
            f"{on} has no split {' or '.join(ANCHORS)} to search on",
            field="evaluation_set",
            hint="Add a revision of the set with some labelled rows as the split anchor.",
        )


def _wrong(name: str, value: Any, what: str) -> InvalidInput:
    return InvalidInput(detail=f"{name} is {value!r:.80}; it must be {what}", field="settings")
