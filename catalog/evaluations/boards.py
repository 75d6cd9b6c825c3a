"""Boards: leaders of a set, adapters x sets of a base model, and what each score costs. Measured scores only.

What authors claim is in none of them. Every board is bounded, and shows nobody more than the querysets let him see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max, Q

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.evaluations.models import Evaluation, SetRevision
from catalog.evaluations.scores import SHOWN, is_higher_better, newest_of_bases, newest_of_revisions
from catalog.search.models import SearchEntry
from catalog.search.queries import SearchQuery, matching

MOST_LEADERS = 100
MOST_ADAPTERS = 60
MOST_SETS = 12


@dataclass(frozen=True)
class Leader:
    """One published version on a board; ``base`` is the newest score of its base model alone."""

    place: int
    evaluation: Evaluation
    base: Evaluation | None

    @property
    def gain(self) -> float | None:
        """Score over the base model's own."""
        if self.base is None or self.base.score is None or self.evaluation.score is None:
            return None
        return self.evaluation.score - self.base.score


@dataclass(frozen=True)
class Board:
    """The leaders of one set's revision, the best first."""

    set_revision: SetRevision
    rows: list[Leader]
    bases: list[Evaluation]
    is_higher_better: bool
    is_whole: bool


def leaders(
    actor: Actor, revision: SetRevision, *, base: BaseModel | None = None, task: str = "", most: int = MOST_LEADERS
) -> Board:
    """Published versions by their newest score on all rows of ``revision``, of one base model and task where given.

    Equal scores share a place. ``is_whole`` is False where more than ``most`` were measured.
    """
    visible = Evaluation.objects.visible_to(actor).filter(set_revision=revision)
    if base is not None:
        visible = visible.filter(base_model__folded=base.folded)
    published = visible.filter(revision__state="published")
    if task:
        published = published.filter(revision__task=task)
    is_higher = is_higher_better(revision)
    ordered = newest_of_revisions(published).select_related(*SHOWN).order_by("-score" if is_higher else "score", "pk")
    found = list(ordered[: most + 1])
    alone = newest_of_bases(visible).select_related(*SHOWN).order_by("-score" if is_higher else "score", "pk")
    bases = list(alone[:most])
    by_base = {row.base_model_id: row for row in bases}
    rows: list[Leader] = []
    for at, evaluation in enumerate(found[:most], start=1):
        is_tie = bool(rows) and rows[-1].evaluation.score == evaluation.score
        rows.append(Leader(rows[-1].place if is_tie else at, evaluation, by_base.get(evaluation.base_model_id)))
    return Board(revision, rows, bases, is_higher, len(found) <= most)


def newest_score(actor: Actor, revision: Revision, set_revision: SetRevision) -> Evaluation | None:
    """The newest score of a revision on all rows, if there is one that ``actor`` may see."""
    found = Evaluation.objects.visible_to(actor).filter(revision_id=revision.pk, set_revision=set_revision)
    return newest_of_revisions(found).select_related(*SHOWN).first()


@dataclass(frozen=True)
class MatrixRow:
    """An adapter's default version and its score on each set of the matrix; None is a gap."""

    entry: SearchEntry
    cells: list[Evaluation | None]
    best: list[float | None]

    @property
    def marked(self) -> list[tuple[Evaluation | None, bool]]:
        """Each cell, and whether its score is the best of its column."""
        return [(cell, bool(cell and cell.score == best)) for cell, best in zip(self.cells, self.best, strict=True)]


@dataclass(frozen=True)
class Matrix:
    """Adapters of a base model against the sets that were used with it; the base's own scores stand apart."""

    sets: list[SetRevision]
    rows: list[MatrixRow]
    base: list[Evaluation | None]
    is_whole: bool = True

    @property
    def gaps(self) -> int:
        """Cells without a score."""
        return sum(cell is None for row in self.rows for cell in row.cells)


def matrix(actor: Actor, base: BaseModel) -> Matrix:
    """The most downloaded adapters of ``base`` by task and language, against the sets with most scores."""
    entries = (
        matching(SearchQuery(base=base.name), actor)
        .filter(adapter__isnull=False)
        .select_related("namespace", "base_model")
    )
    found = list(entries.order_by("-downloads", "-id")[: MOST_ADAPTERS + 1])
    shown = sorted(found[:MOST_ADAPTERS], key=lambda entry: (entry.task, entry.languages, entry.full_name))
    sets = _sets_used_with(actor, base)
    visible = Evaluation.objects.visible_to(actor).filter(set_revision__in=sets, base_model__folded=base.folded)
    cells = _by_place(newest_of_revisions(visible.filter(revision__in=[entry.revision_id for entry in shown])))
    alone = _by_place(newest_of_bases(visible).filter(base_model=base))
    columns = {used.pk: [cells.get((entry.revision_id, used.pk)) for entry in shown] for used in sets}
    best = [_best(used, columns[used.pk]) for used in sets]
    rows = [MatrixRow(entry, [columns[used.pk][at] for used in sets], best) for at, entry in enumerate(shown)]
    return Matrix(
        sets=sets,
        rows=rows,
        base=[alone.get((None, used.pk)) for used in sets],
        is_whole=len(found) <= MOST_ADAPTERS,
    )


def _sets_used_with(actor: Actor, base: BaseModel) -> list[SetRevision]:
    """Of each set with a score of this base model, the newest revision that has one; the most used sets first."""
    measured = Evaluation.objects.visible_to(actor).filter(
        state="measured", base_model__folded=base.folded, set_revision__withdrawn_at=None
    )
    counted = measured.values("set_revision__evaluation_set").annotate(
        newest=Max("set_revision__number"), scores=Count("pk")
    )
    chosen = list(counted.order_by("-scores", "set_revision__evaluation_set")[:MOST_SETS])
    wanted = Q(pk__in=[])
    for row in chosen:
        wanted |= Q(evaluation_set=row["set_revision__evaluation_set"], number=row["newest"])
    revisions = SetRevision.objects.filter(wanted).select_related("evaluation_set__namespace")
    return sorted(revisions, key=lambda revision: (revision.task, str(revision.evaluation_set)))


def _by_place(found: Iterable[Evaluation]) -> dict[tuple[int | None, int], Evaluation]:
    return {(row.revision_id, row.set_revision_id): row for row in found}


def _best(revision: SetRevision, cells: list[Evaluation | None]) -> float | None:
    scored = [cell for cell in cells if cell is not None and cell.score is not None]
    if not scored:
        return None
    said = scored[0].metrics.get(revision.metric) or {}
    pick = max if said.get("higher_is_better", True) else min
    return pick(cell.score for cell in scored if cell.score is not None)
