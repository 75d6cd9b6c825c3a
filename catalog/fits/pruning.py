"""Shape sets that no revision uses any more go, with what they were compared with."""

from django.db import transaction

from catalog.fits.models import RevisionShapes, ShapeSet

_BATCH = 500


def drop_unused_shapes() -> int:
    """Forget the shapes of revisions that gave up their files, then every shape set without a revision.

    Returns how many shape sets went. A revision that is recorded meanwhile keeps its own: both lock the set first.
    """
    gone = RevisionShapes.objects.filter(revision__manifest__isnull=False).values_list("pk", flat=True)
    while ids := list(gone[:_BATCH]):
        RevisionShapes.objects.filter(pk__in=ids).delete()
    dropped, last = 0, ""
    unused = ShapeSet.objects.filter(revisions=None).order_by("pk")
    while digests := list(unused.filter(pk__gt=last).values_list("pk", flat=True)[:_BATCH]):
        last = digests[-1]
        dropped += _drop(digests)
    return dropped


@transaction.atomic
def _drop(digests: list[str]) -> int:
    locked = ShapeSet.objects.select_for_update(skip_locked=True).filter(pk__in=digests)
    held = list(locked.values_list("pk", flat=True))
    # Asked again, now that nobody can take one of them into use.
    used = set(RevisionShapes.objects.filter(shapes__in=held).values_list("shapes_id", flat=True))
    free = [digest for digest in held if digest not in used]
    ShapeSet.objects.filter(pk__in=free).delete()
    return len(free)
