"""The versions of one adapter in sequence over sets: what was gained, and what was forgotten on the way."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Adapter, Revision
from catalog.evaluations.models import Evaluation, SetRevision
from catalog.evaluations.scores import SHOWN, newest_of_revisions
from catalog.names import version_key

MOST_VERSIONS = 30
MOST_SETS = 12


@dataclass(frozen=True)
class Course:
    """One set: the score of each version (None where it was not measured), in the order of the versions.

    ``forgotten`` is how far the last score lies below the best one before it, ``gained`` how far it lies above the
    first; both are turned round where less is better, and None for fewer than two scores.
    """

    set_revision: SetRevision
    cells: list[Evaluation | None]
    forgotten: float | None
    gained: float | None

    @property
    def last_two(self) -> list[Evaluation]:
        """The two newest versions with a score; empty for fewer."""
        measured = [cell for cell in self.cells if cell is not None]
        return measured[-2:] if len(measured) > 1 else []


@dataclass(frozen=True)
class History:
    """Versions from the lowest up, and their course on each set."""

    versions: list[Revision]
    courses: list[Course]

    @property
    def mean_forgotten(self) -> float | None:
        """Over the sets with two scores or more; a set on which nothing was lost counts as 0."""
        known = [max(0.0, course.forgotten) for course in self.courses if course.forgotten is not None]
        return sum(known) / len(known) if known else None


def history(actor: Actor, adapter: Adapter) -> History:
    """The newest scores on all rows of the adapter's published versions, on each set's newest measured revision."""
    found = Evaluation.objects.visible_to(actor).filter(revision__adapter=adapter, revision__state="published")
    newest = newest_of_revisions(found).select_related(*SHOWN).order_by("-set_revision__number", "pk")
    scores = list(newest[: MOST_VERSIONS * MOST_SETS])
    sets: dict[int, SetRevision] = {}
    for row in scores:
        sets.setdefault(row.set_revision.evaluation_set_id, row.set_revision)
    revisions = {row.revision_id: row.revision for row in scores if row.revision is not None}
    versions = sorted(revisions.values(), key=lambda revision: version_key(revision.version.name))[-MOST_VERSIONS:]
    by_place = {(row.revision_id, row.set_revision_id): row for row in scores}
    shown = sorted(sets.values(), key=str)[:MOST_SETS]
    return History(
        versions, [_course(used, [by_place.get((revision.pk, used.pk)) for revision in versions]) for used in shown]
    )


def _course(used: SetRevision, cells: list[Evaluation | None]) -> Course:
    measured = [cell for cell in cells if cell is not None and cell.score is not None]
    if len(measured) < 2:
        return Course(used, cells, None, None)
    said = measured[-1].metrics.get(used.metric) or {}
    sign = 1.0 if said.get("higher_is_better", True) else -1.0
    values = [sign * (cell.score or 0.0) for cell in measured]
    return Course(used, cells, max(values[:-1]) - values[-1], values[-1] - values[0])
