"""The first step of a derivation that trains: its target, its job, and the row that waits for it."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from catalog.accounts.models import User
from catalog.adapters.models import Adapter, Revision, Visibility
from catalog.adapters.querysets import OPEN_STATES
from catalog.adapters.services import create_adapter
from catalog.derivations.drafting import open_derivation
from catalog.derivations.models import Derivation, DerivationKind, Parent
from catalog.evaluations.models import SetRevision
from catalog.jobs.services import submit

QUEUE = "gpu"


@dataclass(frozen=True)
class Wanted:
    """What is to be made, out of what, how, and on which sets (by their role in it)."""

    adapter: str
    version: str
    parents: list[Revision]
    recipe: dict[str, Any]
    sets: dict[str, SetRevision] = field(default_factory=dict)


@transaction.atomic
def start(actor: User, wanted: Wanted, *, kind: DerivationKind) -> Derivation:
    """Make the target where there is none, submit the job, and open the derivation that waits for it.

    The caller has looked at permissions, and that ``actor`` may write where the target is. Raises as
    :func:`create_adapter`.
    """
    visibility = Visibility.PUBLIC if all(map(_is_public, wanted.parents)) else Visibility.PRIVATE
    target = create_adapter(actor, full_name=wanted.adapter, visibility=visibility, exist_ok=True)
    job = submit(
        str(kind.value),
        {"adapter_id": target.pk},
        created_by=actor,
        # Members see the job only where they see the sets and the parents, which its errors may name.
        namespace=target.namespace if _is_open(target, wanted) else None,
        subject=("adapter", f"{target.full_name}{f'@{wanted.version}' if wanted.version else ''}"),
        queue=QUEUE,
    )
    parents = [Parent.of(parent, place=place) for place, parent in enumerate(wanted.parents)]
    return open_derivation(
        actor, target, kind=kind, parents=parents, recipe=wanted.recipe, version=wanted.version, job=job
    )


def _is_public(parent: Revision) -> bool:
    return parent.adapter.visibility == Visibility.PUBLIC and parent.state in OPEN_STATES


def _is_open(target: Adapter, wanted: Wanted) -> bool:
    """Whether every member of the target's namespace may see all that goes into it."""
    own = target.namespace_id
    sets = (on.evaluation_set for on in wanted.sets.values())
    return all(_is_public(parent) or parent.adapter.namespace_id == own for parent in wanted.parents) and all(
        on.visibility == Visibility.PUBLIC or on.namespace_id == own for on in sets
    )
