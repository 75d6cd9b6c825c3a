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
    shapes, is_new = ShapeSet.objects.get_or_create(
        digest=asked.digest, defaults={"modules": asked.modules, "table": asked.as_dict()}
    )
    RevisionShapes.objects.update_or_create(revision=revision, defaults={"shapes": shapes})
    made = compare_shapes(shapes, base) if base is not None else None
    if made is not None and made.pk is None:
        keep([made])
    others = BaseModel.objects.filter(state=BaseState.READY).exclude(pk=base.pk if base else 0)
    if is_new and others.exists():
        request_comparison()
    return shapes
