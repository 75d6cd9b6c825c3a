"""Find families, bases and fits: only what somebody may see."""

from django.db.models import QuerySet

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Adapter, Revision
from catalog.errors import NotFound
from catalog.families.models import Basis, Family, Fit, Member
from catalog.families.querysets import FamilyQuerySet
from catalog.names import fold

_SHOWN = ("revision__adapter__namespace", "revision__version", "basis__family__namespace")


def find_families(
    actor: Actor, *, text: str = "", namespace: str = "", base_model_id: int | None = None
) -> FamilyQuerySet:
    """Families that ``actor`` may see."""
    found = Family.objects.visible_to(actor).select_related("namespace", "base_model", "current__family__namespace")
    for word in text.split():
        found = found.filter(folded__contains=fold(word))
    if namespace:
        found = found.filter(namespace__folded=fold(namespace))
    if base_model_id is not None:
        found = found.filter(base_model_id=base_model_id)
    return found


def get_family(actor: Actor, full_name: str) -> Family:
    """The family, if ``actor`` may see it. Raises NotFound ``family_not_found``, whether it is absent or private."""
    found = Family.objects.named(full_name).visible_to(actor).select_related("namespace", "base_model").first()
    if found is None:
        raise NotFound(
            "family_not_found",
            f"no family {full_name[:200]!r} that you may see",
            field="family",
            hint="Check the name, or sign in.",
        )
    return found


def get_basis(actor: Actor, family: Family, number: int | None = None) -> Basis:
    """A basis of a family that the caller may see; without a number the current one.

    Raises NotFound ``no_basis``: there is none, or ``actor`` may not see every adapter in it.
    """
    found = Basis.objects.visible_to(actor).filter(family=family).select_related("family__namespace", "blob", "job")
    wanted = {"pk": family.current_id or 0} if number is None else {"number": number}
    basis = found.filter(**wanted).first()
    if basis is None:
        which = f"no basis {number}" if number is not None else "no basis to pull from"
        raise NotFound(
            "no_basis", f"{family} has {which} that you may see", hint="Ask for one with `hubclient compress`."
        )
    return basis


def fits_of(actor: Actor, basis: Basis) -> QuerySet[Fit]:
    """What became of each member on a basis, as far as ``actor`` may see the members."""
    seen = Revision.objects.visible_to(actor).values("pk")
    return basis.fits.filter(revision__in=seen).select_related(*_SHOWN, "blob")


def members_of(actor: Actor, family: Family) -> QuerySet[Member]:
    """Members whose adapters ``actor`` may see."""
    seen = Adapter.objects.visible_to(actor).values("pk")
    related = ("adapter__namespace", "adapter__default_version", "decided_by")
    return family.members.filter(adapter__in=seen).select_related(*related)
