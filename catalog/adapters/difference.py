"""What changed between two versions of an adapter: facts, files, scores, spectrum and card."""

from dataclasses import dataclass
from typing import Any

from catalog.accounts.querysets import Actor
from catalog.adapters.carddiff import Line, card_difference
from catalog.adapters.models import Adapter, Revision
from catalog.adapters.queries import get_revision
from catalog.evaluations.models import Evaluation, SetRevision
from catalog.evaluations.scores import SHOWN, newest_of_revisions

FACTS = (
    "format", "method", "options", "rank", "ranks", "alpha", "scaling", "target_modules", "modules", "layers",
    "task_type", "dtypes", "parameters", "head_parameters", "saved_parameters", "peft_version",
)  # fmt: skip
CLAIMS = ("summary", "task", "languages", "license", "tags")
MOST_SETS = 50
MOST_MODULES = 12


@dataclass(frozen=True)
class FactChange:
    """One fact or claim in both versions; None where one has none. ``source`` is ``file`` or ``author``."""

    name: str
    before: Any
    after: Any
    source: str = "file"

    @property
    def is_different(self) -> bool:
        """Whether the two differ."""
        return bool(self.before != self.after)


@dataclass(frozen=True)
class FileChange:
    """One path: ``same``, ``changed``, ``added`` or ``removed``; sizes in bytes, digests SHA-256."""

    path: str
    change: str
    size_before: int | None
    size_after: int | None
    sha256_before: str | None
    sha256_after: str | None


@dataclass(frozen=True)
class ScoreChange:
    """Both versions' newest scores on one revision of a set."""

    set_revision: SetRevision
    before: Evaluation | None
    after: Evaluation | None

    @property
    def delta(self) -> float | None:
        """After less before; None where one was not measured."""
        scores = [row.score if row else None for row in (self.before, self.after)]
        return None if scores[0] is None or scores[1] is None else scores[1] - scores[0]


@dataclass(frozen=True)
class ModuleChange:
    """Norm (of B A, with its scale) and effective rank of one module's update."""

    module: str
    norm_before: float | None
    norm_after: float | None
    effective_rank_before: float | None
    effective_rank_after: float | None


@dataclass(frozen=True)
class Difference:
    """Two revisions of one adapter, the facts of both, and what is different."""

    before: Revision
    after: Revision
    facts: list[FactChange]
    files: list[FileChange]
    scores: list[ScoreChange]
    modules: list[ModuleChange]
    modules_left_out: int
    card: list[Line]

    @property
    def is_equal(self) -> bool:
        """Whether files, facts and claims are the same; scores may differ all the same."""
        return not (
            any(row.is_different for row in self.facts) or any(row.change != "same" for row in self.files) or self.card
        )


def difference(actor: Actor, adapter: Adapter, before: str, after: str = "") -> Difference:
    """From the revision that ``before`` means to that of ``after`` (the default version when empty).

    Raises:
        NotFound, Gone: as ``get_revision``.
    """
    old, new = get_revision(actor, adapter, before), get_revision(actor, adapter, after)
    modules = _modules(old, new)
    return Difference(
        old,
        new,
        _facts(old, new),
        _files(old, new),
        _scores(actor, old, new),
        modules[:MOST_MODULES],
        max(0, len(modules) - MOST_MODULES),
        card_difference(old.card, new.card),
    )


def _facts(old: Revision, new: Revision) -> list[FactChange]:
    rows = [FactChange("base_model", _base(old), _base(new))]
    rows += [FactChange(name, old.facts.get(name), new.facts.get(name)) for name in FACTS]
    rows.append(FactChange("size_bytes", old.size_bytes, new.size_bytes))
    rows += [FactChange(name, getattr(old, name), getattr(new, name), "author") for name in CLAIMS]
    return [row for row in rows if not (row.before in _NOTHING and row.after in _NOTHING)]


_NOTHING: tuple[Any, ...] = (None, "", [], {})


def _base(revision: Revision) -> str | None:
    return str(revision.base_model) if revision.base_model else None


def _files(old: Revision, new: Revision) -> list[FileChange]:
    before, after = _listing(old), _listing(new)
    rows = []
    for path in sorted({*before, *after}):
        was, now = before.get(path, (None, None)), after.get(path, (None, None))
        change = "removed" if path not in after else "added" if path not in before else "same"
        if change == "same" and was[0] != now[0]:
            change = "changed"
        rows.append(FileChange(path, change, was[1], now[1], was[0], now[0]))
    return rows


def _listing(revision: Revision) -> dict[str, tuple[str | None, int | None]]:
    """Path -> digest and size, from the manifest where the bytes are gone."""
    if revision.manifest is not None:
        return {str(row.get("path")): (row.get("sha256"), row.get("size_bytes")) for row in revision.manifest}
    return {file.path: (file.blob_id, file.blob.size_bytes) for file in revision.files.all()}


def _scores(actor: Actor, old: Revision, new: Revision) -> list[ScoreChange]:
    found = newest_of_revisions(Evaluation.objects.visible_to(actor).filter(revision__in=[old.pk, new.pk]))
    sets: dict[int, SetRevision] = {}
    by_place: dict[tuple[int, int | None], Evaluation] = {}
    for row in found.select_related(*SHOWN).order_by("pk")[: 2 * MOST_SETS]:
        sets[row.set_revision_id] = row.set_revision
        by_place[row.set_revision_id, row.revision_id] = row
    return [
        ScoreChange(used, by_place.get((used.pk, old.pk)), by_place.get((used.pk, new.pk)))
        for used in sorted(sets.values(), key=str)
    ]


def _modules(old: Revision, new: Revision) -> list[ModuleChange]:
    """Modules whose update changed its strength, the largest change first."""
    before, after = _spectra(old), _spectra(new)
    rows = []
    for module in {**before, **after}:
        was, now = before.get(module) or {}, after.get(module) or {}
        if was != now:
            said = (was.get("norm"), now.get("norm"), was.get("effective_rank"), now.get("effective_rank"))
            rows.append(ModuleChange(module, *said))
    return sorted(rows, key=lambda row: -abs((row.norm_after or 0.0) - (row.norm_before or 0.0)))


def _spectra(revision: Revision) -> dict[str, dict[str, Any]]:
    spectrum = revision.facts.get("spectrum") if isinstance(revision.facts, dict) else None
    modules = spectrum.get("modules") if isinstance(spectrum, dict) else None
    return modules if isinstance(modules, dict) else {}
