"""Evaluations against themselves: sets without bytes, answers unlike their digest, waiting for no job."""

import zlib
from collections.abc import Iterator
from functools import partial

from django.db.models import Exists, OuterRef, Q

from catalog.adapters.models import Blob
from catalog.evaluations.answers import digest_of
from catalog.evaluations.models import Evaluation, EvaluationState, Predictions, SetFile
from catalog.jobs.models import FINAL_STATES
from catalog.retention.batches import each, in_batches
from catalog.retention.findings import Finding

_ASTRAY = Q(Q(job=None) | Q(job__state__in=FINAL_STATES), state=EvaluationState.WAITING)
_LOST = {"code": "job_lost", "detail": "its job is gone; ask for it again"}


def check_evaluations() -> Iterator[Finding]:
    """``set_file_without_blob``, ``answers_differ``, ``evaluation_astray``."""
    homeless = SetFile.objects.filter(~Exists(Blob.objects.filter(pk=OuterRef("blob_id"))))
    for file in each(homeless):
        yield Finding("set_file_without_blob", f"{file.revision}/{file.split}", f"no row for blob {file.blob_id}")
    for batch in in_batches(Predictions.objects.select_related("evaluation"), size=50):
        for kept in batch:
            if _digest(kept) != kept.evaluation.predictions_digest:
                yield Finding("answers_differ", str(kept.evaluation_id), "its answers are not those of its digest")
    for evaluation in each(Evaluation.objects.filter(_ASTRAY)):
        repair = partial(_settle, evaluation)
        yield Finding("evaluation_astray", str(evaluation.pk), "it waits for a job that is over or gone", repair)


def _settle(evaluation: Evaluation) -> None:
    # Asked again: somebody may have let its job run once more.
    astray = Evaluation.objects.filter(pk__in=Evaluation.objects.filter(_ASTRAY, pk=evaluation.pk).values("pk"))
    astray.update(state=EvaluationState.FAILED, error=_LOST)


def _digest(kept: Predictions) -> str:
    try:
        return digest_of(bytes(kept.deflated))
    except zlib.error:
        return ""
