"""The parts of a base model's page: shapes with layers folded, gaps, leaders of each set, families with their curve."""

from collections import Counter
from dataclasses import dataclass

from catalog.accounts.querysets import Actor
from catalog.bases.models import BaseModel, BaseModelShapes
from catalog.evaluations.boards import Leader, leaders
from catalog.evaluations.models import SetRevision
from catalog.families.models import Basis, Family
from catalog.families.queries import find_families
from catalog.search.coverage import coverage
from catalog.search.query import SearchQuery
from frontend.figures.curve import Curve, curve_of
from frontend.search_form import search_url

MOST_KINDS = 40
MOST_BOARDS = 6
MOST_FAMILIES = 12
MOST_CURVES = 2
_LEADERS = 3


@dataclass(frozen=True)
class ShapeRow:
    """Modules of one name and shape, counted over the layers."""

    name: str
    kind: str
    shape: str
    count: int


@dataclass(frozen=True)
class GapCell:
    """How many adapters there are for a task in a language, and where they are listed."""

    language: str
    count: int
    url: str


@dataclass(frozen=True)
class GapTable:
    """Tasks down, languages across."""

    languages: list[str]
    rows: list[tuple[str, list[GapCell]]]
    gaps: int
    without: int
    left_out: int
    is_exact: bool


@dataclass(frozen=True)
class SetLeaders:
    """The best adapters of one set, and the base model's own score."""

    set_revision: SetRevision
    rows: list[Leader]


@dataclass(frozen=True)
class FamilyLine:
    """A family, its current basis where the viewer may see it, and the curve of that."""

    family: Family
    basis: Basis | None
    curve: Curve | None


def shape_rows(base: BaseModel) -> list[ShapeRow]:
    """The shapes of ``base``, layers folded together: ``layer.*.attention.query, linear, 384 × 384, 12``."""
    row = BaseModelShapes.objects.filter(base=base).first()
    if row is None:
        return []
    counted = Counter(
        (_without_numbers(path), module.kind, " × ".join(str(size) for size in module.shape))
        for path, module in row.as_shapes().modules.items()
    )
    return [ShapeRow(name, kind, shape, count) for (name, kind, shape), count in list(counted.items())[:MOST_KINDS]]


def gap_table(viewer: Actor, base: BaseModel) -> GapTable:
    """Adapters of ``base`` by task and language, each count with the address of its list."""
    found = coverage(viewer, base)
    rows = []
    for task, counts in zip(found.tasks, found.cells, strict=True):
        cells = [
            GapCell(tag, count, search_url(SearchQuery(base=base.name, task=task, language=tag)) if count else "")
            for tag, count in zip(found.languages, counts, strict=True)
        ]
        rows.append((task, cells))
    return GapTable(found.languages, rows, found.gaps, found.without, found.left_out, found.is_exact)


def set_leaders(viewer: Actor, base: BaseModel, sets: list[SetRevision]) -> list[SetLeaders]:
    """The three best adapters of ``base`` on each of the first sets."""
    boards = [(used, leaders(viewer, used, base=base, most=_LEADERS)) for used in sets[:MOST_BOARDS]]
    return [SetLeaders(used, board.rows) for used, board in boards if board.rows]


def family_lines(viewer: Actor, base: BaseModel) -> list[FamilyLine]:
    """Families of ``base`` that the viewer may see; the first ones with the curve of their current basis."""
    lines: list[FamilyLine] = []
    for family in find_families(viewer, base_model_id=base.pk).order_by("-pk")[:MOST_FAMILIES]:
        basis = Basis.objects.visible_to(viewer).filter(pk=family.current_id or 0).first()
        has_room = sum(line.curve is not None for line in lines) < MOST_CURVES
        lines.append(FamilyLine(family, basis, _curve(basis) if basis and has_room else None))
    return lines


def _curve(basis: Basis) -> Curve | None:
    options = basis.recipe.get("options") or {}
    original = basis.report.get("original_bytes") or 0
    return curve_of(basis.curve, chosen=options.get("rank"), original_bytes=original)


def _without_numbers(path: str) -> str:
    return ".".join("*" if part.isdecimal() else part for part in path.split("."))
