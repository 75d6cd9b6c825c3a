"""A finished basis becomes what its family's pulls use."""

from typing import Any

from django.utils import timezone

from catalog.families.models import Basis, BasisState, Family, FitState
from catalog.reviews.audit import record


def settle(basis: Basis) -> None:
    """A finished basis is ready, and what its family's pulls use from now on; the sums of its report are written."""
    basis.state, basis.error, basis.made_at = BasisState.READY, None, timezone.now()
    basis.report = {**basis.report, **summary_of(basis)}
    basis.save()
    newest = Family.objects.filter(pk=basis.family_id).values_list("current__number", flat=True).first()
    if newest is None or newest < basis.number:
        Family.objects.filter(pk=basis.family_id).update(current=basis, updated_at=timezone.now())
    record(basis.requested_by, "make_basis", basis, after=BasisState.READY)


def summary_of(basis: Basis) -> dict[str, Any]:
    """Bytes before and after, and the errors of the members that are given out compressed."""
    fits = [fit for fit in basis.fits.all() if fit.state == FitState.COMPRESSED]
    original = sum(fit.original_bytes for fit in fits)
    compressed = basis.size_bytes + sum(fit.size_bytes for fit in fits)
    errors = [fit.relative_squared_error for fit in fits]
    return {
        "members": basis.fits.count(),
        "compressed_members": len(fits),
        "original_bytes": original,
        "compressed_bytes": compressed,
        "ratio": round(original / compressed, 3) if compressed else None,
        "mean_error": sum(errors) / len(errors) if errors else None,
        "worst_error": max(errors, default=None),
    }
