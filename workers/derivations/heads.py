"""Heads and other full copies in a merge: kept from the one parent that was named, or refused. Never averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernels.copies import Copies
from workers.derivations.members import Member
from workers.evaluation.errors import Refused


@dataclass(frozen=True)
class Heads:
    """Whose copies are kept (None: nobody has any), and what became of each parent's."""

    keeper: Member | None
    copies: Copies
    report: list[dict[str, Any]]

    @property
    def notes(self) -> list[str]:
        """One sentence for each parent that has copies, for card and page."""
        return [f"{row['adapter']}: {row['modules']} stored in full, {row['fate']}." for row in self.report]


def choose_heads(members: Sequence[Member], named: str) -> Heads:
    """What happens to the parents' full copies when those of the parent ``named`` are kept (empty: nobody's).

    Raises:
        Refused: ``heads_undecided`` where parents have copies and none is named, ``heads_conflict`` where a module
        that is kept in full is changed by another parent's update.
    """
    having = [member for member in members if member.copies.tensors]
    keeper = next((member for member in having if member.name == named), None)
    if keeper is None and (having or named):
        raise Refused(
            "heads_undecided",
            f"{named} keeps nothing in full" if named else f"kept in full, which no rule merges: {_listed(having)}",
            "Name the one parent whose heads are kept.",
        )
    if keeper is None:
        return Heads(None, Copies(), [])
    _refuse_conflict(members, keeper)
    report = [_fate(member, keeper) for member in having]
    return Heads(keeper, keeper.copies, report)


def _fate(member: Member, keeper: Member) -> dict[str, Any]:
    if member is keeper:
        fate = "kept as it was"
    elif member.copies.is_same(keeper.copies):
        fate = "left out, and the same bit for bit as what was kept"
    else:
        fate = "left out, and another than what was kept"
    modules = sorted(set(member.copies.modules.values()))
    return {"adapter": member.name, "modules": ", ".join(modules), "fate": fate, "bytes": member.copies.size_bytes}


def _refuse_conflict(members: Sequence[Member], keeper: Member) -> None:
    for module in sorted(set(keeper.copies.modules.values()) - keeper.updates.keys()):
        changing = next((member for member in members if module in member.updates), None)
        if changing is not None:
            raise Refused(
                "heads_conflict",
                f"{module} is kept in full from {keeper.name}, and {changing.name} changes it by an update",
                "Leave one of the two out, or keep the heads of another parent.",
            )


def _listed(members: Sequence[Member]) -> str:
    named = [f"{', '.join(sorted(set(member.copies.modules.values())))} of {member.name}" for member in members[:5]]
    return "; ".join(named) + (" and others" if len(members) > 5 else "")
