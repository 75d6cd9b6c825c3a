"""The lineage of one revision as somebody may see it: what it was made of, what was made of it, and how."""

from dataclasses import dataclass, field

from django.db.models import Q

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.derivations.lineage import ancestors_of, descendants_of, revisions_in_order
from catalog.derivations.models import Derivation, Parent
from catalog.families.models import Basis
from catalog.removals.models import Withdrawal


@dataclass(frozen=True)
class Step:
    """One parent of one derivation: an edge of the lineage."""

    parent: Parent
    derivation: Derivation

    @property
    def made(self) -> str:
        """The commit id of what was made."""
        assert self.derivation.revision is not None, "only what was made has a lineage"
        return self.derivation.revision.commit_id


@dataclass(frozen=True)
class Pedigree:
    """Ancestors and descendants, nearest first, with the steps between them and the bases that hold the revision."""

    subject: Revision
    ancestors: list[Revision] = field(default_factory=list)
    descendants: list[Revision] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    bases: list[Basis] = field(default_factory=list)
    # By revision: why it is not handed out any more.
    withdrawals: dict[int, Withdrawal] = field(default_factory=dict)
    # Descendants that the viewer may not see.
    hidden: int = 0

    @property
    def is_alone(self) -> bool:
        """Whether nothing is known but the revision itself."""
        return not (self.ancestors or self.descendants or self.bases or self.hidden)

    @property
    def withdrawn_parents(self) -> list[Withdrawal]:
        """Those of its ancestors, where the revision was only flagged."""
        return [self.withdrawals[row.pk] for row in self.ancestors if row.pk in self.withdrawals]


def pedigree_of(actor: Actor, revision: Revision) -> Pedigree:
    """The lineage of a revision that ``actor`` may see.

    He sees all that it was made of, or he would not see it. Of what was made of it he sees what he may see otherwise,
    and of the rest its number.
    """
    up, down = ancestors_of([revision.pk]), descendants_of([revision.pk])
    seen = _known(actor, down.revision_ids)
    steps = [step for step in (*up.steps, *down.steps) if step.derivation.revision_id in {*seen, *_made(up.steps)}]
    shown = [*up.revision_ids, *seen, revision.pk]
    withdrawn = Withdrawal.objects.filter(revision__in=shown)
    related = ("revision__adapter__namespace", "revision__version")
    bases = Basis.objects.visible_to(actor).filter(fits__revision=revision).distinct()
    return Pedigree(
        revision,
        ancestors=revisions_in_order(up.revision_ids),
        descendants=revisions_in_order(seen),
        steps=_with_derivations(steps),
        bases=list(bases.select_related("family__namespace")),
        withdrawals={row.revision_id: row for row in withdrawn.select_related(*related) if row.revision_id},
        hidden=len(down.revision_ids) - len(seen),
    )


def _known(actor: Actor, ids: list[int]) -> list[int]:
    """Those that the actor may see, or might before they were withdrawn, in the same order."""
    visible = Revision.objects.visible_to(actor).filter(pk__in=ids).values("pk")
    withdrawn = Withdrawal.objects.known_to(actor).filter(revision__in=ids).values("revision_id")
    known = set(Revision.objects.filter(Q(pk__in=visible) | Q(pk__in=withdrawn)).values_list("pk", flat=True))
    return [pk for pk in ids if pk in known]


def _made(steps: list[Parent]) -> set[int | None]:
    return {step.derivation.revision_id for step in steps}


def _with_derivations(steps: list[Parent]) -> list[Step]:
    related = ("revision__adapter__namespace", "revision__version")
    found = Derivation.objects.select_related(*related).in_bulk({step.derivation_id for step in steps})
    return [Step(step, found[step.derivation_id]) for step in steps]
