"""Keep the shape set of a revision, as validation found it."""

from typing import Any

from django.db import transaction

from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel, BaseState
from catalog.fits.comparing import compare_shapes, keep, request_comparison
from catalog.fits.models import RevisionShapes, ShapeSet
from kernels.formats.requirements import Requirements


@transaction.atomic
def record_shapes_of(revision: Revision, table: dict[str, Any], *, base: BaseModel | None) -> ShapeSet:
    """Keep what the revision's file asks of a base model, and compare it: with ``base`` now, with the others by a job.

    ``table`` is ``kernels.formats.requirements.Requirements.as_dict()``. Raises FormatError.
    """
    asked = Requirements.from_dict(table)
    shapes = ShapeSet(digest=asked.digest, modules=asked.modules, table=asked.as_dict())
    # Written over itself where it is there: so it is locked, and not dropped before this revision uses it.
    ShapeSet.objects.bulk_create([shapes], update_conflicts=True, unique_fields=["digest"], update_fields=["modules"])
    RevisionShapes.objects.update_or_create(revision=revision, defaults={"shapes": shapes})
    made = compare_shapes(shapes, base) if base is not None else None
    if made is not None and made.pk is None:
        keep([made])
    compared = shapes.fits.values("base")
    if BaseModel.objects.filter(state=BaseState.READY, shapes__isnull=False).exclude(pk__in=compared).exists():
        request_comparison()
    return shapes
