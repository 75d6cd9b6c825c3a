"""Find derivations, and what of their recipe somebody may know."""

from typing import Any

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.derivations.models import Derivation
from catalog.derivations.querysets import DerivationQuerySet
from catalog.errors import DomainError, NotFound
from catalog.evaluations.queries import get_set_revision
from catalog.names import split_reference

# Keys of a recipe or report that name an evaluation set, which may be private where the result is not.
SETS = ("evaluation_set", "text_set")


def find_derivations(actor: Actor, *, adapter: str = "", kind: str = "", state: str = "") -> DerivationQuerySet:
    """Derivations that ``actor`` may see; ``adapter`` is the one that was made. Raises NotFound for that."""
    found = Derivation.objects.visible_to(actor)
    if adapter:
        full_name, ref = split_reference(adapter)
        named = get_adapter(actor, full_name)
        found = found.filter(target=named)
        found = found.filter(revision=get_revision(actor, named, ref)) if ref else found
    wanted = {name: value for name, value in (("kind", kind), ("state", state)) if value}
    return found.filter(**wanted).for_display()


def get_derivation(actor: Actor, derivation_id: int) -> Derivation:
    """The derivation. Raises NotFound where it is absent or its result is not for ``actor``."""
    found = Derivation.objects.visible_to(actor).for_display().filter(pk=derivation_id).first()
    if found is None:
        raise NotFound(detail=f"no derivation {derivation_id} that you may see")
    return found


def derivation_of(revision: Revision) -> Derivation | None:
    """What made ``revision``; None for a push. The caller may see the revision."""
    return Derivation.objects.for_display().filter(revision=revision).first()


def told_to(actor: Actor, said: dict[str, Any]) -> dict[str, Any]:
    """A recipe or a report without the names of sets that ``actor`` may not see."""
    hidden = [name for name in SETS if said.get(name) and not _sees_set(actor, str(said[name]))]
    return {name: None if name in hidden else value for name, value in said.items()}


def _sees_set(actor: Actor, reference: str) -> bool:
    try:
        get_set_revision(actor, reference)
    except DomainError:
        return False
    return True
