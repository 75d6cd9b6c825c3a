"""What was computed from measured adapters is measured too, on the same rows, before it may be published."""

from django.db import transaction

from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.derivations.models import Derivation, DerivationKind
from catalog.errors import Conflict, DomainError
from catalog.evaluations.fitting import require_fit, require_measurable, require_rows
from catalog.evaluations.grouping import Asked, Wanted, ask
from catalog.evaluations.models import Cause, Evaluation, EvaluationSet, EvaluationState, SetRevision
from catalog.evaluations.options import read_settings
from catalog.evaluations.scores import IS_WHOLE
from catalog.jobs.models import Job


def due_measurements(revision: Revision) -> list[tuple[SetRevision, bool]]:
    """The sets on which a parent of a derived revision has a score, and whether that took a probe for a head.

    Of each set the newest rows that a parent was measured on and that were not withdrawn. Sets that who asked for the
    derivation may not see are left out, and those that the revision does not fit: a merge with the labels of one parent
    has no score on the other's.
    """
    # What was trained on rows of its own in others' directions has another task than they.
    found = Derivation.objects.exclude(kind=DerivationKind.ADAPT).filter(revision=revision)
    derivation = found.select_related("requested_by").first()
    if derivation is None or derivation.requested_by is None or revision.base_model is None:
        return []
    measured = Evaluation.objects.measured().filter(
        IS_WHOLE,
        revision__in=derivation.parents.values("revision"),
        set_revision__evaluation_set__in=EvaluationSet.objects.visible_to(derivation.requested_by)
        .offered()
        .values("pk"),
        set_revision__withdrawn_at=None,
    )
    newest: dict[int, Evaluation] = {}
    related = measured.select_related("set_revision__evaluation_set__namespace")
    for row in related.order_by("-set_revision__number", "pk"):
        newest.setdefault(row.set_revision.evaluation_set_id, row)
    wanted = [(row.set_revision, bool(row.settings.get("with_probe"))) for row in newest.values()]
    return [(on, with_probe) for on, with_probe in wanted if _fits(revision, revision.base_model, on, with_probe)]


@transaction.atomic
def measure_derived(revision: Revision) -> list[Job]:
    """Ask for what :func:`due_measurements` says of a revision that was accepted just now."""
    jobs: list[Job] = []
    for on, with_probe in due_measurements(revision):
        under_way = Evaluation.objects.filter(IS_WHOLE, revision=revision, set_revision=on)
        if under_way.exclude(state=EvaluationState.FAILED).exists():
            continue
        try:
            base = require_measurable(revision)
            require_rows(on)
        except DomainError:
            continue  # the gate says that the score is missing
        settings = read_settings({"with_probe": with_probe})
        jobs += ask(Asked(revision.author, on, settings, Cause.POLICY), [Wanted(base, revision)]).jobs
    return jobs


def require_measured(revision: Revision) -> None:
    """Raise Conflict ``derived_not_measured`` while a derived revision has no score where a parent has one."""
    for on, _ in due_measurements(revision):
        if not Evaluation.objects.measured().filter(IS_WHOLE, revision=revision, set_revision=on).exists():
            raise Conflict(
                "derived_not_measured",
                f"{revision} was computed from adapters with a score on {on}, and has none there itself",
                hint=f"Measure it on {on.evaluation_set}, or let an owner publish it with a reason.",
            )


def _fits(revision: Revision, base: BaseModel, on: SetRevision, with_probe: bool) -> bool:
    try:
        require_fit(revision, base, on, read_settings({"with_probe": with_probe}))
    except DomainError:
        return False
    return True
