"""Take back what must not be pulled any more: bases that were fitted to a revision, and its coefficients."""

from django.db import transaction
from django.db.models import QuerySet

from catalog.adapters.models import Revision
from catalog.families.models import Basis, BasisPart, BasisState, Family, Fit, FitState


@transaction.atomic
def withdraw_revisions(
    revisions: QuerySet[Revision], *, reason: str, family: Family | None = None, with_bases: bool = True
) -> list[Basis]:
    """Withdraw the fits of these revisions, and every basis that was fitted to one of them; the bases.

    A revision that was only projected onto a basis left no trace in it: the basis stays. With ``family`` other
    families are left alone; without ``with_bases`` every basis is.
    """
    fits = Fit.objects.filter(revision__in=revisions.values("pk"))
    if family is not None:
        fits = fits.filter(basis__family=family)
    shaped = Basis.objects.filter(fits__in=fits.filter(is_projected=False)).exclude(state=BasisState.WITHDRAWN)
    bases = list(shaped.distinct()) if with_bases else []
    fits.exclude(state=FitState.WITHDRAWN).update(state=FitState.WITHDRAWN, reason=reason[:500], blob=None)
    release_bases(Basis.objects.filter(pk__in=[basis.pk for basis in bases]), reason=reason)
    return bases


@transaction.atomic
def release_bases(bases: QuerySet[Basis], *, reason: str) -> int:
    """Withdraw bases, their fits and parts, and leave the bytes to garbage collection; how many. Families move on.

    A family whose current basis goes has none until the next is made: an older one may hold the same member.
    """
    ids = list(bases.values_list("pk", flat=True))
    Family.objects.filter(current__in=ids).update(current=None)
    Fit.objects.filter(basis__in=ids).exclude(state=FitState.WITHDRAWN).update(
        state=FitState.WITHDRAWN, reason=reason[:500]
    )
    Fit.objects.filter(basis__in=ids).update(blob=None)
    BasisPart.objects.filter(basis__in=ids).delete()
    return Basis.objects.filter(pk__in=ids).update(state=BasisState.WITHDRAWN, reason=reason[:500], blob=None)
