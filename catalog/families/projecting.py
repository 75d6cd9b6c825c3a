"""New versions of members are projected onto the basis that is there; what it misses too much of waits for the next."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from catalog.adapters.models import Adapter, Revision
from catalog.errors import Gone
from catalog.families.fitting import require_compressible
from catalog.families.gate import request_gate
from catalog.families.members import take_in_by_rule
from catalog.families.models import Basis, BasisState, Consent, Family, FitState
from catalog.families.newcomers import request_projection
from catalog.families.recording import record_projection
from catalog.families.requesting import request_basis
from catalog.jobs.models import Job, Priority


@dataclass(frozen=True)
class Projection:
    """A revision, and the basis that it is projected onto."""

    basis: Basis
    revision: Revision


@transaction.atomic
def notice_published(revision: Revision) -> list[Job]:
    """Project a version that was just published onto the basis of each of its families; the jobs.

    A family whose rule chooses the adapter by now takes it in. Call it in the transaction that publishes.
    """
    adapter = Adapter.objects.select_related("default_version").get(pk=revision.adapter_id)
    if adapter.default_version is None or adapter.default_version.revision_id != revision.pk:
        return []
    families = Family.objects.live().filter(base_model=revision.base_model, current__state=BasisState.READY)
    for family in families.filter(namespace_id=adapter.namespace_id).exclude(rule={}):
        take_in_by_rule(family, only=adapter)
    joined = families.filter(members__adapter=adapter, members__consent=Consent.GIVEN)
    return [job for family in joined if (job := request_projection(family, revision)) is not None]


def projection_of(job: Job) -> Projection:
    """What a job projects. Raises Gone where the basis or the revision is not there any more."""
    related = ("family__namespace", "family__base_model", "blob")
    bases = Basis.objects.select_related(*related).filter(pk=job.payload["basis_id"], state=BasisState.READY)
    basis = bases.first()
    found = Revision.objects.select_related("adapter__namespace", "base_model")
    revision = found.filter(pk=job.payload["revision_id"], adapter__deleted_at=None).first()
    if basis is None or revision is None:
        raise Gone(detail="the basis or the revision was withdrawn or deleted meanwhile")
    if not basis.family.members.filter(adapter=revision.adapter_id, consent=Consent.GIVEN).exists():
        raise Gone("member_gone", "the adapter was taken out of the family meanwhile")
    require_compressible(revision, basis.family.base_model)
    return Projection(basis, revision)


def record_projected(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Keep the coefficients, ask for their scores, and for the next basis where enough members wait for one."""
    projection = projection_of(job)
    fit = record_projection(projection.basis, projection.revision, outcome)
    if fit is None:
        return {"basis": str(projection.basis), "state": None}
    if fit.state == FitState.COMPRESSED:
        request_gate(projection.basis, [fit])
    refit = _refit_if_due(projection.basis)
    return {
        "basis": str(projection.basis),
        "state": fit.state,
        "relative_squared_error": fit.relative_squared_error,
        "reason": fit.reason,
        "refit": str(refit) if refit else None,
    }


def _refit_if_due(basis: Basis) -> Basis | None:
    due = basis.recipe["options"]["refit_after"]
    family = Family.objects.select_related("namespace", "base_model").get(pk=basis.family_id)
    if due is None or family.bases.filter(state=BasisState.WAITING).exists():
        return None
    waiting = basis.fits.filter(state=FitState.WAITING).count()
    if waiting < due:
        return None
    return request_basis(None, family, reason=f"{waiting} members waited for it", priority=Priority.BULK)
