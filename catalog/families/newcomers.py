"""Ask for the coefficients of a revision on a basis that was made without it."""

from catalog.adapters.models import Revision
from catalog.errors import DomainError
from catalog.families.fitting import require_compressible
from catalog.families.models import Family
from catalog.jobs.models import Job, Priority
from catalog.jobs.services import submit

PROJECT = "project_revision"


def request_projection(family: Family, revision: Revision) -> Job | None:
    """Project ``revision`` onto the family's current basis; None where it is there, or cannot be compressed."""
    basis = family.current
    if basis is None or basis.fits.filter(revision=revision).exists():
        return None
    try:
        require_compressible(revision, family.base_model)
    except DomainError:
        return None
    return submit(
        PROJECT,
        {"basis_id": basis.pk, "revision_id": revision.pk},
        created_by=basis.requested_by,
        namespace=family.namespace if revision.adapter.namespace_id == family.namespace_id else None,
        subject=("basis", str(basis)),
        queue=basis.recipe["options"]["queue"],
        priority=Priority.BULK,
    )
