"""The lineage of a revision as rows for display."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.derivations.models import Derivation
from catalog.derivations.pedigree import Pedigree, pedigree_of
from catalog.derivations.queries import derivation_of, told_to
from frontend.facts import as_text
from frontend.figures.pedigree import lineage_graph


@dataclass(frozen=True)
class Relative:
    """One revision of a lineage: what it is to the one shown, and how it came to be."""

    revision: Revision
    relation: str
    how: str
    why: str = ""

    @property
    def name(self) -> str:
        """``org/name@1.0.0``."""
        return str(getattr(self.revision, "version", None) or self.revision)

    @property
    def is_linked(self) -> bool:
        """Whether there is still a page to lead to."""
        return self.revision.state != "withdrawn"


def lineage_context(viewer: Actor, revision: Revision) -> dict[str, Any]:
    """What the lineage part of a page shows."""
    pedigree = pedigree_of(viewer, revision)
    made_by = derivation_of(revision) if revision.is_derived else None
    return {
        "pedigree": pedigree,
        "lineage": lineage_rows(pedigree),
        "lineage_graph": lineage_graph(pedigree),
        "made_by": made_by,
        "recipe": _recipe(viewer, made_by) if made_by else [],
        "withdrawn_parents": pedigree.withdrawn_parents,
    }


def lineage_rows(pedigree: Pedigree) -> list[Relative]:
    """Parents and further ancestors, then what was made of it, nearest first."""
    own = pedigree.subject.commit_id
    parents = {step.parent.revision_id: step.parent.weight for step in pedigree.steps if step.made == own}
    kinds = {step.made: step.derivation.get_kind_display().lower() for step in pedigree.steps}
    rows = []
    for row in pedigree.ancestors:
        weight = parents.get(row.pk)
        how = kinds.get(row.commit_id, gettext("pushed"))
        if weight is not None:
            how += ", " + gettext("weight %(number)s") % {"number": f"{weight:g}"}
        relation = gettext("parent") if row.pk in parents else gettext("ancestor")
        rows.append(Relative(row, relation, how, _why(pedigree, row)))
    for row in pedigree.descendants:
        rows.append(Relative(row, gettext("made of it"), kinds.get(row.commit_id, ""), _why(pedigree, row)))
    return rows


def _why(pedigree: Pedigree, row: Revision) -> str:
    withdrawal = pedigree.withdrawals.get(row.pk)
    return withdrawal.reason if withdrawal else ""


def _recipe(viewer: Actor, made_by: Derivation) -> list[tuple[str, str]]:
    said = {**told_to(viewer, made_by.recipe), **made_by.made_with}
    rows = [(key.replace("_", " "), as_text(value)) for key, value in said.items() if key != "metadata"]
    return [(key, value) for key, value in rows if value]
