"""The directions of a family: its basis where it has one, else the members whose people agreed."""

from dataclasses import dataclass

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.errors import Unprocessable
from catalog.families.fitting import require_same_shapes
from catalog.families.members import usable_members
from catalog.families.models import Basis, BasisState, FitState
from catalog.families.queries import get_family

MOST_MEMBERS = 200
_WITH_DIRECTIONS = ("eigenlorax", "jd_full")


def family_members(actor: User, full_name: str) -> list[Revision]:
    """The default versions of a family's members whose people agreed, as far as ``actor`` may see them.

    Raises:
        NotFound: ``family_not_found``. Unprocessable ``family_empty``: none of them is left; ``mixed_shapes``.
    """
    family = get_family(actor, full_name)
    usable, _ = usable_members(family)
    ids = [revision.pk for revision in usable.values()]
    seen = {row.pk: row for row in Revision.objects.visible_to(actor).for_display().filter(pk__in=ids)}
    found = [seen[pk] for pk in ids if pk in seen][:MOST_MEMBERS]
    if not found:
        raise Unprocessable("family_empty", f"{family} has no member that you may see", field="family")
    require_same_shapes(found)
    return found


@dataclass(frozen=True)
class Directions:
    """A family's basis that new coefficients can be learnt on, and what it was fitted to."""

    basis: Basis
    members: list[Revision]


def directions_of(actor: User, full_name: str) -> Directions | None:
    """The family's current basis, where it has one with one set of directions a layer that ``actor`` may see.

    Raises NotFound ``family_not_found``.
    """
    family = get_family(actor, full_name)
    ready = Basis.objects.visible_to(actor).filter(state=BasisState.READY, method__in=_WITH_DIRECTIONS)
    basis = ready.filter(pk=family.current_id).first() if family.current_id else None
    if basis is None:
        return None
    fits = basis.fits.filter(is_projected=False).exclude(state=FitState.WITHDRAWN)
    fitted = Revision.objects.for_display().filter(pk__in=fits.values("revision_id")).order_by("pk")
    return Directions(basis, list(fitted)) if fitted else None
