"""Two to six adapters side by side: a row for each fact and for each evaluation that any of them has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.comparisons.likeness import Likeness, likeness_of
from catalog.comparisons.updates import mean_effective_rank, norm_of
from catalog.errors import InvalidInput
from catalog.evaluations.models import Evaluation, SetRevision
from catalog.evaluations.scores import SHOWN, is_higher_better, newest_of_bases, newest_of_revisions
from catalog.names import split_reference
from catalog.search.models import SearchEntry

FEWEST, MOST = 2, 6
MOST_SETS = 40


@dataclass(frozen=True)
class Subject:
    """One column: a revision, and how it is named in an address."""

    revision: Revision
    reference: str
    downloads: int


@dataclass(frozen=True)
class FactLine:
    """One fact of every subject, as JSON values; None where it is not known."""

    key: str
    values: list[Any]

    @property
    def is_same(self) -> bool:
        """Whether all say the same."""
        return all(value == self.values[0] for value in self.values)


@dataclass(frozen=True)
class ScoreLine:
    """The newest score of every subject on the same rows, None where it was not measured; base models alone beside."""

    set_revision: SetRevision
    scores: list[Evaluation | None]
    bases: list[Evaluation | None]
    best: float | None

    @property
    def gains(self) -> list[float | None]:
        """Each score over that of its base model alone."""
        return [
            score.score - base.score if score and base and score.score is not None and base.score is not None else None
            for score, base in zip(self.scores, self.bases, strict=True)
        ]


@dataclass(frozen=True)
class SideBySide:
    """Columns, and the rows beneath them. ``is_whole`` is False where more than 40 sets were measured."""

    subjects: list[Subject]
    facts: list[FactLine]
    scores: list[ScoreLine]
    is_whole: bool
    likeness: list[Likeness]


def side_by_side(actor: Actor, references: Sequence[str]) -> SideBySide:
    """Facts and scores of the adapters named ``org/name`` (its default version) or ``org/name@version``.

    Raises:
        InvalidInput: fewer than two different ones, more than six, or no name. NotFound, Gone: what ``actor`` may
        not see.
    """
    names = list(dict.fromkeys(reference.strip() for reference in references if reference.strip()))
    if not FEWEST <= len(names) <= MOST:
        raise InvalidInput(
            detail=f"{len(names)} different adapters were named; {FEWEST} to {MOST} stand side by side",
            field="adapter",
            hint="Name each as namespace/name, or namespace/name@version.",
        )
    subjects = subjects_of(actor, names)
    revisions = [row.revision for row in subjects]
    sets, is_whole = _scores(actor, revisions)
    return SideBySide(subjects, fact_lines(subjects), sets, is_whole, likeness_of(revisions))


def subjects_of(actor: Actor, references: Sequence[str]) -> list[Subject]:
    """The revisions that are meant, in the same order. Raises NotFound, Gone and InvalidInput."""
    found = []
    for reference in references:
        name, ref = split_reference(reference)
        found.append(get_revision(actor, get_adapter(actor, name), ref))
    ids = [revision.adapter_id for revision in found]
    downloads = dict(SearchEntry.objects.filter(adapter_id__in=ids).values_list("adapter_id", "downloads"))
    return [Subject(row, _reference(row), downloads.get(row.adapter_id, 0)) for row in found]


def fact_lines(subjects: Sequence[Subject]) -> list[FactLine]:
    """Every fact that at least one of them has."""
    lines = [FactLine(key, [read(subject) for subject in subjects]) for key, read in _READERS.items()]
    return [line for line in lines if any(value not in (None, "", [], {}) for value in line.values)]


def _scores(actor: Actor, revisions: Sequence[Revision]) -> tuple[list[ScoreLine], bool]:
    """Sets that most of them were measured on first; and whether these are all."""
    visible = Evaluation.objects.visible_to(actor)
    found = newest_of_revisions(visible.filter(revision__in=[row.pk for row in revisions])).select_related(*SHOWN)
    cells = {(row.set_revision_id, row.revision_id): row for row in found}
    sets = {row.set_revision_id: row.set_revision for row in cells.values()}
    alone = newest_of_bases(visible.filter(set_revision__in=list(sets))).select_related(*SHOWN)
    bases = {(row.set_revision_id, row.base_model_id): row for row in alone}
    lines = []
    for pk, set_revision in sets.items():
        row = [cells.get((pk, revision.pk)) for revision in revisions]
        lines.append(ScoreLine(set_revision, row, [_base(bases, cell) for cell in row], _best(set_revision, row)))
    lines.sort(key=lambda line: (sum(cell is None for cell in line.scores), str(line.set_revision)))
    return lines[:MOST_SETS], len(lines) <= MOST_SETS


def _base(bases: dict[tuple[int, int], Evaluation], cell: Evaluation | None) -> Evaluation | None:
    return bases.get((cell.set_revision_id, cell.base_model_id)) if cell is not None else None


def _best(set_revision: SetRevision, cells: Sequence[Evaluation | None]) -> float | None:
    """The best score, where at least two were measured and they differ."""
    scores = [cell.score for cell in cells if cell is not None and cell.score is not None]
    if len(set(scores)) < 2:
        return None
    return max(scores) if is_higher_better(set_revision) else min(scores)


def _reference(revision: Revision) -> str:
    version = getattr(revision, "version", None)
    return f"{revision.adapter.full_name}@{version.name if version else revision.commit_id}"


def _fact(key: str) -> Callable[[Subject], Any]:
    return lambda subject: subject.revision.facts.get(key)


def _fit(subject: Subject) -> str:
    """``fits``, ``does not fit`` or ``not checked``, by the shapes of the base model."""
    base = subject.revision.facts.get("base")
    confirmed = base.get("confirmed") if isinstance(base, dict) else None
    return {True: "fits", False: "does not fit"}.get(confirmed, "not checked")  # type: ignore[arg-type]


_READERS: dict[str, Callable[[Subject], Any]] = {
    "state": lambda subject: subject.revision.state,
    "base_model": lambda subject: str(subject.revision.base_model or "") or None,
    "fit": _fit,
    "method": lambda subject: subject.revision.facts.get("method_name") or subject.revision.method or None,
    "options": _fact("options"),
    "rank": lambda subject: subject.revision.rank,
    "alpha": _fact("alpha"),
    "scaling": _fact("scaling"),
    "target_modules": _fact("target_modules"),
    "modules": _fact("modules"),
    "layers": _fact("layers"),
    "parameters": _fact("parameters"),
    "dtypes": _fact("dtypes"),
    "head_parameters": _fact("head_parameters"),
    "size_bytes": lambda subject: subject.revision.size_bytes,
    "norm": lambda subject: norm_of(subject.revision.facts),
    "effective_rank": lambda subject: mean_effective_rank(subject.revision.facts),
    "task": lambda subject: subject.revision.task or None,
    "languages": lambda subject: subject.revision.languages,
    "license": lambda subject: subject.revision.license or None,
    "peft_version": _fact("peft_version"),
    "published_on": lambda subject: subject.revision.published_at and subject.revision.published_at.date().isoformat(),
    "downloads": lambda subject: subject.downloads,
}
