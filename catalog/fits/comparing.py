"""Compare every shape set with every base model, once: a new one of either kind meets those that are there."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from catalog.bases.models import BaseModel, BaseModelShapes, BaseState
from catalog.fits.models import BaseFit, ShapeSet
from catalog.jobs.models import Job, JobState, Priority
from catalog.jobs.services import submit
from kernels.formats.base_shapes import BaseShapes
from kernels.formats.requirements import Comparison

COMPARE_SHAPES = "compare_shapes"
MOST_SETS = 5000


def not_compared_with(base: BaseModel) -> QuerySet[ShapeSet]:
    """Shape sets that were not compared with the shapes that ``base`` has now."""
    there = BaseFit.objects.filter(shapes=OuterRef("pk"), base=base, base_digest=base.shapes_digest)
    return ShapeSet.objects.exclude(Exists(there))


def bases_behind() -> list[BaseModel]:
    """Ready base models with shape sets that they were not compared with."""
    ready = BaseModel.objects.filter(state=BaseState.READY, shapes__isnull=False).defer("config").order_by("pk")
    return [base for base in ready if not_compared_with(base).exists()]


@transaction.atomic
def request_comparison() -> Job | None:
    """Submit the job that compares what is missing; None where one waits already and will see it.

    Call it in the transaction that made a base model ready or a shape set.
    """
    if Job.objects.filter(kind=COMPARE_SHAPES, state=JobState.QUEUED).exists():
        return None
    return submit(COMPARE_SHAPES, {}, subject=("hub", "which base models adapters fit"), priority=Priority.BULK)


def compare_base(base: BaseModel, *, most: int = MOST_SETS) -> int:
    """Compare at most so many shape sets with ``base``; returns how many."""
    row = BaseModelShapes.objects.filter(base=base).first()
    if row is None:
        return 0
    table, done = row.as_shapes(), 0
    for batch in _batches(not_compared_with(base).order_by("pk")[:most]):
        keep([fit_of(shapes, base, table) for shapes in batch])
        done += len(batch)
    return done


def compare_shapes(shapes: ShapeSet, base: BaseModel) -> BaseFit | None:
    """The row of one shape set and one base model, compared now (and not saved) where it is not there.

    None without a shape table.
    """
    found = BaseFit.objects.filter(shapes=shapes, base=base, base_digest=base.shapes_digest).first()
    row = None if found else BaseModelShapes.objects.filter(base=base).first()
    return found if found or row is None else fit_of(shapes, base, row.as_shapes())


def fit_of(shapes: ShapeSet, base: BaseModel, table: BaseShapes) -> BaseFit:
    """The row, not saved."""
    return as_row(shapes, base, shapes.as_requirements().compare(table))


def as_row(shapes: ShapeSet, base: BaseModel, compared: Comparison) -> BaseFit:
    """A comparison as a row, not saved."""
    return BaseFit(
        shapes=shapes,
        base=base,
        verdict=compared.verdict,
        checked=compared.checked,
        unmatched=compared.unmatched,
        finding=compared.findings[0].as_dict() if compared.findings else None,
        base_digest=base.shapes_digest,
    )


def keep(rows: list[BaseFit]) -> None:
    """Write rows, over what an older comparison said."""
    BaseFit.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["shapes", "base"],
        update_fields=["verdict", "checked", "unmatched", "finding", "base_digest"],
    )


def _batches(found: QuerySet[ShapeSet], size: int = 100) -> Iterator[list[ShapeSet]]:
    digests = list(found.values_list("pk", flat=True))
    for start in range(0, len(digests), size):
        yield list(ShapeSet.objects.filter(pk__in=digests[start : start + size]))
