"""What an entry's version scored: on which sets, its best score, and its gain over the base model alone."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q

from catalog.evaluations.models import Evaluation
from catalog.evaluations.scores import newest_of_bases, newest_of_revisions
from catalog.search.models import EntryScore, SearchEntry

_RELATED = ("set_revision__evaluation_set",)


def index_scores_of(evaluations: Iterable[Evaluation]) -> None:
    """Evaluations were measured: write the scores of every entry that they say something about.

    A base model's own score changes the gain of all its adapters that were measured on that set.
    """
    touched = Q(pk__in=[])
    for evaluation in evaluations:
        if evaluation.revision_id is not None:
            touched |= Q(revision=evaluation.revision_id)
        else:
            touched |= Q(
                base_model=evaluation.base_model_id, scores__evaluation_set=evaluation.set_revision.evaluation_set_id
            )
    for entry in SearchEntry.objects.filter(touched).distinct().iterator():
        index_scores(entry)


@transaction.atomic
def index_scores(entry: SearchEntry) -> None:
    """Write the scores of one entry again: on each set the newest, on the newest revision that it was measured on.

    ``best_score`` and ``gain`` are of public sets where more is better, so that they compare and everybody may know.
    """
    newest: dict[int, Evaluation] = {}
    found = Evaluation.objects.filter(revision=entry.revision_id, set_revision__evaluation_set__withdrawn_at=None)
    for row in newest_of_revisions(found).select_related(*_RELATED).order_by("-set_revision__number"):
        newest.setdefault(row.set_revision.evaluation_set_id, row)
    EntryScore.objects.filter(entry=entry).exclude(evaluation_set__in=newest).delete()
    for evaluation_set, row in newest.items():
        score = row.score or 0.0
        shown = {"score": score, "merit": score if _is_more_better(row) else -score}
        EntryScore.objects.update_or_create(entry=entry, evaluation_set_id=evaluation_set, defaults=shown)
    public = [
        row
        for row in newest.values()
        if row.set_revision.evaluation_set.visibility == "public" and _is_more_better(row)
    ]
    gains = _gains(entry, public)
    SearchEntry.objects.filter(pk=entry.pk).update(
        best_score=max((row.score or 0.0 for row in public), default=None), gain=max(gains, default=None)
    )


def _gains(entry: SearchEntry, rows: list[Evaluation]) -> list[float]:
    sets = [row.set_revision_id for row in rows]
    alone = newest_of_bases(Evaluation.objects.filter(base_model=entry.base_model_id, set_revision__in=sets))
    known = dict(alone.values_list("set_revision", "score"))
    return [(row.score or 0.0) - before for row in rows if (before := known.get(row.set_revision_id)) is not None]


def _is_more_better(row: Evaluation) -> bool:
    return bool((row.metrics.get(row.set_revision.metric) or {}).get("higher_is_better", True))
