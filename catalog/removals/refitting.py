"""After a withdrawal or a removal: families whose basis went get the next one, made without what went."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from catalog.errors import DomainError
from catalog.families.models import Family
from catalog.families.requesting import request_basis


def refit_families(families: Iterable[Family], *, reason: str) -> list[dict[str, Any]]:
    """Ask for the next basis of each, a line each: ``asked`` with its name and job, or ``left`` and why."""
    return [_refit(family, reason) for family in families]


def _refit(family: Family, reason: str) -> dict[str, Any]:
    line: dict[str, Any] = {"kind": "basis", "of": family.full_name}
    if family.deleted_at is not None:
        return line | {"outcome": "left", "why": "the family was deleted"}
    try:
        with transaction.atomic():
            basis = request_basis(None, family, reason=reason)
    except DomainError as refusal:
        return line | {"outcome": "left", "why": refusal.detail}
    return line | {"outcome": "asked", "name": str(basis), "job": str(basis.job_id)}
