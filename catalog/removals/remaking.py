"""After a removal: bases are fitted again without the member, merges are made again without the parent."""

from typing import Any

from catalog.errors import DomainError
from catalog.families.models import Family
from catalog.families.requesting import request_basis
from catalog.removals.models import Removal, Withdrawal


def remake(removal: Removal, withdrawals: list[Withdrawal]) -> list[dict[str, Any]]:
    """Ask for each; what was asked for, or why it could not be."""
    families = {row.basis.family_id: row.basis.family for row in withdrawals if row.basis is not None}
    return [_refit(removal, family) for family in families.values()]


def _refit(removal: Removal, family: Family) -> dict[str, Any]:
    line: dict[str, Any] = {"kind": "basis", "of": family.full_name}
    if family.deleted_at is not None:
        return line | {"outcome": "left", "why": "the family was deleted"}
    try:
        basis = request_basis(None, family, reason=f"refitted without {removal.subject}, which was removed")
    except DomainError as refusal:
        return line | {"outcome": "left", "why": refusal.detail}
    return line | {"outcome": "asked", "name": str(basis), "job": str(basis.job_id)}
