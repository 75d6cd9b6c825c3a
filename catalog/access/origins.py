"""Write down what a new revision was computed from, through all generations."""

from collections.abc import Iterable

from catalog.access.models import Origin
from catalog.adapters.models import Revision


def record_origins(revision: Revision, parent_ids: Iterable[int]) -> None:
    """From now on ``revision`` is seen by those alone who may see every revision that it was computed from.

    Call it in the transaction that makes the revision, before anybody can see it.
    """
    parents = set(parent_ids)
    further = Origin.objects.filter(revision__in=parents).values_list("ancestor_id", flat=True)
    Origin.objects.bulk_create(
        [Origin(revision=revision, ancestor_id=pk) for pk in sorted(parents | set(further))], ignore_conflicts=True
    )
    revision.is_derived = True
    revision.save(update_fields=["is_derived"])
