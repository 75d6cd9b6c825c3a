"""Which scores compare: whole sets, the newest of each revision."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.evaluations.models import Evaluation, SetRevision

# Asked of all rows, and of the adapter alone: a score on the first hundred is no rival of one on all.
IS_WHOLE = (Q(settings__limit=None) | Q(settings__limit__isnull=True)) & Q(companion=None)

_LESS_IS_BETTER = frozenset(
    {
        "log_loss",
        "brier",
        "brier_score",
        "calibration_error",
        "perplexity",
        "word_perplexity",
        "byte_perplexity",
        "bits_per_byte",
    }
)
# What every page and answer about an evaluation names.
SHOWN = (
    "revision__adapter__namespace",
    "revision__version",
    "companion__adapter__namespace",
    "companion__version",
    "base_model",
    "set_revision__evaluation_set__namespace",
)


def newest_of_revisions(found: QuerySet[Evaluation]) -> QuerySet[Evaluation]:
    """Of the measured evaluations of adapters on all rows, the newest of each revision on each set's revision."""
    return _newest(found.filter(revision__isnull=False), Q(revision=OuterRef("revision")))


def newest_of_bases(found: QuerySet[Evaluation]) -> QuerySet[Evaluation]:
    """The same of base models alone."""
    return _newest(found.filter(revision=None), Q(revision=None, base_model=OuterRef("base_model")))


def _newest(found: QuerySet[Evaluation], same: Q) -> QuerySet[Evaluation]:
    later = Q(measured_at__gt=OuterRef("measured_at")) | Q(measured_at=OuterRef("measured_at"), pk__gt=OuterRef("pk"))
    rivals = Evaluation.objects.filter(IS_WHOLE, later, same, state="measured", set_revision=OuterRef("set_revision"))
    return found.filter(IS_WHOLE, ~Exists(rivals), state="measured", score__isnull=False)


def is_higher_better(revision: SetRevision) -> bool:
    """Whether more is better in the set's own metric, as its measurements say; its name, so long as there are none."""
    measured = Evaluation.objects.measured().filter(set_revision=revision).values_list("metrics", flat=True).first()
    said = (measured or {}).get(revision.metric)
    return (
        bool(said.get("higher_is_better", True)) if isinstance(said, dict) else revision.metric not in _LESS_IS_BETTER
    )
