"""What a compressed pull gets: a basis, and the coefficients of one member or of all that the caller may see."""

from dataclasses import dataclass

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import Conflict
from catalog.families.models import Basis, BasisState, Family, Fit, FitState
from catalog.families.queries import fits_of, get_basis
from catalog.names import split_reference
from catalog.removals.queries import why_basis_gone


@dataclass(frozen=True)
class Plan:
    """A ready basis and fits on it; those that are not compressed are pulled as they are."""

    basis: Basis
    fits: list[Fit]


def plan_family(actor: Actor, family: Family, *, number: int | None = None) -> Plan:
    """Every member of a ready basis; the current one without a number.

    Raises NotFound ``no_basis``, also where it is not ready or was withdrawn.
    """
    basis = require_ready(get_basis(actor, family, number))
    return Plan(basis, list(fits_of(actor, basis).exclude(state=FitState.WITHDRAWN).prefetch_related(*_FILES)))


def plan_member(actor: Actor, reference: str, *, family: Family | None = None) -> Plan:
    """One adapter (``org/name@1.0``, or its default version) on the newest basis that holds it.

    Raises:
        NotFound, Gone: the adapter or the version. Conflict: ``not_compressed``, with the reason where one is known.
    """
    full_name, ref = split_reference(reference)
    revision = get_revision(actor, get_adapter(actor, full_name), ref)
    ready = Basis.objects.visible_to(actor).filter(state=BasisState.READY)
    if family is not None:
        ready = ready.filter(family=family)
    found = Fit.objects.filter(basis__in=ready.values("pk"), revision=revision).exclude(state=FitState.WITHDRAWN)
    fits = list(found.select_related(*_SHOWN).prefetch_related(*_FILES).order_by("-basis__made_at", "-pk"))
    for fit in fits:
        if fit.state == FitState.COMPRESSED and fit.blob is not None:
            return Plan(fit.basis, [fit])
    raise _not_compressed(revision, fits)


_SHOWN = ("basis__family__namespace", "basis__blob", "blob", "revision__adapter__namespace", "revision__version")
_FILES = ("revision__files__blob",)


def require_ready(basis: Basis) -> Basis:
    """The basis itself. Raises Conflict ``basis_not_ready`` unless it can be pulled from; Gone if withdrawn."""
    if basis.state == BasisState.WITHDRAWN:
        raise why_basis_gone(basis)
    if basis.state != BasisState.READY:
        raise Conflict(
            "basis_not_ready", f"{basis} is {basis.state}", hint="Choose another basis, or ask for the next."
        )
    return basis


def _not_compressed(revision: Revision, fits: list[Fit]) -> Conflict:
    name = getattr(revision, "version", None) or revision
    why = f" on {fits[0].basis}: {fits[0].reason}" if fits and fits[0].reason else ": it is on no basis yet"
    return Conflict("not_compressed", f"{name} is not compressed{why}", hint="Pull it without --compressed.")
