"""A basis in the making: what its job may read, the parts that are finished, and how it ends, well or badly."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from catalog.adapters.blobs import add_blob
from catalog.adapters.models import Revision
from catalog.errors import Conflict, DomainError, Gone
from catalog.families.fitting import damaged_among, require_compressible
from catalog.families.models import Basis, BasisPart, BasisState, Consent, Family, Member
from catalog.jobs.models import Job
from catalog.plain import plain_error
from storage import BlobReceipt


@dataclass(frozen=True)
class Inputs:
    """What a basis is made of: the revisions of its members in order, and the options in full."""

    basis: Basis
    members: list[Revision]
    options: dict[str, Any] = field(default_factory=dict)


def inputs_of(job: Job) -> Inputs:
    """What the job of a waiting basis works on.

    Raises:
        Gone: the basis is not wanted any more, or ``member_gone``: a member was withdrawn, deleted or taken back.
    """
    related = ("family__namespace", "family__base_model")
    waiting = Basis.objects.select_related(*related).filter(pk=job.payload["basis_id"], state=BasisState.WAITING)
    basis = waiting.first()
    if basis is None or basis.family.deleted_at is not None:
        raise Gone(detail="the basis was withdrawn or deleted meanwhile")
    return Inputs(basis, require_members(basis), dict(basis.recipe["options"]))


def require_members(basis: Basis) -> list[Revision]:
    """The revisions of every member of a basis's recipe, in order, all of them still there and allowed.

    Raises Gone ``member_gone``.
    """
    ids = [int(member["revision_id"]) for member in basis.recipe["members"]]
    related = ("adapter__namespace", "base_model", "version")
    found = Revision.objects.select_related(*related).in_bulk(ids)
    damaged = damaged_among(ids)
    agreed = set(Member.objects.filter(family=basis.family, consent=Consent.GIVEN).values_list("adapter_id", flat=True))
    for pk in ids:
        revision = found.get(pk)
        if revision is None or revision.adapter.deleted_at is not None or revision.adapter_id not in agreed:
            raise _gone(basis, revision)
        try:
            require_compressible(revision, basis.family.base_model, damaged=damaged)
        except DomainError as error:
            raise _gone(basis, revision) from error
    return [found[pk] for pk in ids]


def shown_name(revision: Revision, family: Family) -> str:
    """A member's name for all who see the family: a private one of another namespace stays unnamed."""
    is_told = revision.adapter.visibility == "public" or revision.adapter.namespace_id == family.namespace_id
    return str(getattr(revision, "version", None) or revision) if is_told else "a private member"


def finished_parts(basis: Basis) -> dict[str, BasisPart]:
    """Parts by module: what an earlier attempt has left."""
    return {part.module: part for part in basis.parts.all()}


@transaction.atomic
def keep_part(basis: Basis, module: str, receipt: BlobReceipt, report: dict[str, Any]) -> BasisPart:
    """Remember one finished module. A second one of the same module changes nothing. Raises Busy as ``add_blob``."""
    blob = add_blob(receipt)
    part, _ = BasisPart.objects.get_or_create(basis=basis, module=module, defaults={"blob": blob, "report": report})
    return part


def keep_assignment(basis: Basis, assignment: list[int]) -> None:
    """Remember which cluster every member is in: a second attempt must go on with the same."""
    report = {**basis.report, "assignment": assignment}
    Basis.objects.filter(pk=basis.pk, state=BasisState.WAITING).update(report=report)
    basis.report = report


@transaction.atomic
def abandon_basis(basis_id: int, error: dict[str, Any]) -> None:
    """Its job ended badly: it failed, and nothing of it stays."""
    basis = Basis.objects.select_for_update(of=("self",)).filter(pk=basis_id, state=BasisState.WAITING).first()
    if basis is None:
        return
    basis.parts.all().delete()
    basis.fits.all().delete()
    basis.state, basis.blob = BasisState.FAILED, None
    basis.error = plain_error(error)
    basis.save()


def revive_basis(basis_id: int) -> None:
    """Its job runs again. Raises Conflict ``not_retryable`` where it is gone, or another basis is being made."""
    basis = Basis.objects.select_for_update(of=("self",)).filter(pk=basis_id, state=BasisState.FAILED).first()
    if basis is None or basis.family.deleted_at is not None:
        raise Conflict("not_retryable", "the basis is gone")
    if basis.family.bases.filter(state=BasisState.WAITING).exists():
        raise Conflict("not_retryable", f"another basis of {basis.family} is being made")
    basis.state, basis.error = BasisState.WAITING, None
    basis.save(update_fields=["state", "error"])


def _gone(basis: Basis, revision: Revision | None) -> Gone:
    name = shown_name(revision, basis.family) if revision is not None else "a member"
    return Gone(
        "member_gone",
        f"{name} was withdrawn, deleted or taken back while {basis} was being made",
        hint="Ask for the basis again: it is left out then.",
    )
