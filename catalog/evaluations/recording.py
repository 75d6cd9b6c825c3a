"""Write what a job measured: scores and answers, or why there are none, one evaluation at a time.

A job measures up to twenty subjects; one that fails says so in its own row and takes nothing from the others.
"""

from math import isfinite
from typing import Any

from django.utils import timezone

from catalog.errors import Conflict
from catalog.evaluations.answers import pack
from catalog.evaluations.models import Evaluation, EvaluationState, Predictions
from catalog.evaluations.policies import publish_measured
from catalog.evaluations.splitting import split_job
from catalog.evaluations.telling import told
from catalog.jobs.models import Job
from catalog.search.scores import index_scores_of

_NO_RESULT = {"code": "result_missing", "detail": "the job ended without a word about this evaluation"}


def record_results(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Keep the outcome of ``workers.evaluation.run:evaluate``; the job's result. Call it in the job's transaction.

    Evaluations of the job that the outcome does not name fail with ``result_missing``.
    """
    waiting = _waiting(job)
    said = {str(row.get("evaluation_id")): row for row in outcome.get("results") or []}
    versions = outcome.get("versions") or {}
    counts = {"measured": 0, "failed": 0}
    for evaluation in waiting:
        row = said.get(str(evaluation.pk), {"error": _NO_RESULT})
        error = row.get("error") or _problem(evaluation, row)
        if error:
            _fail(evaluation, error)
        else:
            _keep(evaluation, row, versions)
        counts["failed" if error else "measured"] += 1
    index_scores_of(waiting)
    publish_measured([evaluation.revision for evaluation in waiting if evaluation.revision is not None])
    return {**counts, "evaluations": [str(evaluation.pk) for evaluation in waiting]}


def abandon_evaluations(job: Job, error: dict[str, Any]) -> None:
    """The job ended badly: everything that still waits for it failed for that reason, or is measured in smaller jobs.

    A child that died says nothing of which subject it died.
    """
    waiting = _waiting(job)
    if split_job(job, error, waiting):
        return
    for evaluation in waiting:
        _fail(evaluation, error)


def revive_evaluations(job: Job) -> None:
    """The job runs again: what failed with it waits again. Raises Conflict ``not_retryable`` if nothing is left."""
    failed = Evaluation.objects.filter(job=job, state=EvaluationState.FAILED)
    if not failed.update(state=EvaluationState.WAITING, error=None):
        raise Conflict("not_retryable", "its evaluations are gone, or have their scores by now")


def _waiting(job: Job) -> list[Evaluation]:
    related = ("set_revision", "revision__adapter__namespace", "revision__author")
    rows = Evaluation.objects.select_related(*related).filter(job=job, state=EvaluationState.WAITING)
    return list(rows.select_for_update(of=("self",)).order_by("created_at", "pk"))


def _keep(evaluation: Evaluation, row: dict[str, Any], versions: dict[str, Any]) -> None:
    own = row["metrics"][evaluation.set_revision.metric]
    deflated, digest = pack(row.get("predictions") or {})
    evaluation.state, evaluation.error = EvaluationState.MEASURED, None
    evaluation.metrics = row["metrics"]
    evaluation.score, evaluation.score_low, evaluation.score_high = own["value"], own.get("low"), own.get("high")
    evaluation.efficiency, evaluation.used = row.get("efficiency") or {}, row.get("used") or {}
    evaluation.versions, evaluation.seconds = versions, row.get("seconds")
    evaluation.predictions_digest, evaluation.measured_at = digest, timezone.now()
    evaluation.save()
    Predictions.objects.update_or_create(evaluation=evaluation, defaults={"deflated": deflated})


def _fail(evaluation: Evaluation, error: dict[str, Any]) -> None:
    evaluation.state = EvaluationState.FAILED
    evaluation.error = told(error, evaluation.set_revision)
    evaluation.save(update_fields=["state", "error"])


def _problem(evaluation: Evaluation, row: dict[str, Any]) -> dict[str, Any] | None:
    """What is wrong with a result that says it is one: no number where the set's metric should be."""
    metric = evaluation.set_revision.metric
    own = (row.get("metrics") or {}).get(metric)
    value = own.get("value") if isinstance(own, dict) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return None
    return {"code": "score_missing", "detail": f"the harness gave no number for {metric}; received {value!r:.100}"}
