"""A member that gets its score after its basis was made is measured in its compressed form then."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import F

from catalog.evaluations.models import Evaluation, EvaluationState, SetRevision
from catalog.families.gate import request_gate
from catalog.families.models import Basis, BasisState, Fit, FitState
from catalog.jobs.models import Job


def notice_measured(evaluation_ids: Iterable[str]) -> list[Job]:
    """Ask for the scores of what families give out of these evaluations' adapters; the jobs, few for many.

    A member is given out as it is until its score is there. Call it in the transaction that keeps the evaluations.
    """
    found = Evaluation.objects.filter(pk__in=list(evaluation_ids), state=EvaluationState.MEASURED)
    sets: dict[int, set[SetRevision]] = defaultdict(set)
    for row in found.select_related("set_revision"):
        if row.revision_id is not None:
            sets[row.revision_id].add(row.set_revision)
    fits = Fit.objects.filter(revision__in=list(sets), state=FitState.COMPRESSED, basis__state=BasisState.READY)
    waiting: dict[tuple[Basis, SetRevision], list[Fit]] = defaultdict(list)
    for fit in fits.filter(basis__family__current=F("basis")).select_related("basis__family__namespace"):
        for on in sets[fit.revision_id]:
            if not any(_is_of(score, on) for score in fit.scores):
                waiting[fit.basis, on].append(fit)
    return [job for (basis, on), fits in waiting.items() for job in request_gate(basis, fits, on=on)]


def _is_of(score: dict[str, Any], on: SetRevision) -> bool:
    """Whether the compressed form has a score on this set or a newer revision of it, or is being measured there."""
    return bool(score["evaluation_set_id"] == on.evaluation_set_id and score["set_revision"] >= on.number)
