"""What became of a set or a revision of it that was withdrawn: whoever wants its rows is told when and why."""

from catalog.errors import Gone
from catalog.evaluations.models import EvaluationSet, SetRevision


def require_offered(named: EvaluationSet | SetRevision) -> None:
    """Raise Gone ``set_withdrawn`` for what was withdrawn."""
    if named.withdrawn_at is not None:
        raise Gone(
            "set_withdrawn",
            f"{named} was withdrawn on {named.withdrawn_at:%Y-%m-%d}: {named.withdrawal_reason}",
            field="evaluation_set",
            hint="Its rows are gone for ever; the scores on them stay. Use another revision, or another set.",
        )
